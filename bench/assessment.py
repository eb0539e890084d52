"""What an assessment costs, by rules and patterns, and how much of a whole submission that is."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.measure import percentile, say, table, times, verdict
from bench.subjects import circumstances, patterns, policy, store_patterns
from domain.patterns import TrustedPattern
from storage import migrate
from storage.database import Database

ROUNDS = 300
RULES = 200
PATTERNS = 1_000
MOST_MILLISECONDS = 5.0


def main(submission_ms: float) -> None:
    """Measure. `submission_ms` is the p50 of a whole submission, measured in the same run."""
    worst = f"{RULES} rules, {PATTERNS:,} patterns of one type, none matches"
    cases: list[tuple[str, int, list[TrustedPattern]]] = [
        ("no rules, no patterns", 0, []),
        (f"{RULES} rules, no patterns", RULES, []),
        (f"{RULES} rules, {PATTERNS:,} patterns of other types", RULES, patterns(PATTERNS, of_one_type=False)),
        (worst, RULES, patterns(PATTERNS, of_one_type=True)),
        (
            f"{RULES} rules, {PATTERNS:,} patterns, the last one matches",
            RULES,
            patterns(PATTERNS, of_one_type=True, matching=True),
        ),
    ]
    rows = [(name, times(_assessing(rules, made), ROUNDS)) for name, rules, made in cases]
    table("Assessment: policy, the patterns' version, and every condition that may match", rows)
    p50 = percentile(dict(rows)[worst], 50)
    say(f"\n  the worst of these, p50: {p50:.2f} ms ({verdict(p50, MOST_MILLISECONDS, 'ms')})")
    say(f"  beside a whole submission of {submission_ms:.1f} ms, without all these: {p50 / submission_ms:.0%}")


def _assessing(rules: int, made: list[TrustedPattern]) -> Callable[[], object]:
    """Return one assessment over a database of its own."""
    folder = tempfile.mkdtemp(prefix="assent-bench-")
    url = f"sqlite:///{Path(folder) / 'assent.db'}"
    migrate.upgrade(url)
    store = store_patterns(Database(url), made)
    under = policy(rules)

    def assess() -> object:
        seen = circumstances(under)
        return store.book().matches(under.assess(seen), seen, now=datetime.now(UTC))

    return assess
