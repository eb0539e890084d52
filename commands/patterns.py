"""`assent patterns`: list, make, suspend and try trusted patterns."""
# ruff: noqa: PLC0415  the imports inside commands, as the package says

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from commands.database import open_database
from config.errors import StartError

if TYPE_CHECKING:
    from assent.policy_models import DailySum, NewTrustedPattern
    from services.patterns import TrustedPatterns
    from storage.patterns import UsedPattern

app = App(name="patterns", help="Look after trusted patterns, with direct access to the database.")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Draft:
    """The definition of a pattern. The options are called like the API's fields."""

    agent_id: Annotated[str, Parameter(help="The agent's name; * stands for any characters.")]
    operation_type: Annotated[str, Parameter(help="The operation's type; * stands for any characters.")]
    resource_type: Annotated[str, Parameter(help="The resource type; * stands for any characters.")]
    condition: Annotated[str | None, Parameter(help="A condition, as 'operation.parameters.limit < 100'.")] = None
    max_risk: Annotated[
        Literal["low", "medium", "high", "critical"] | None,
        Parameter(help="The highest risk that it lets through: medium, or low when the condition reads context."),
    ] = None
    expires_at: Annotated[datetime | None, Parameter(help="When it ends, in UTC, as 2030-12-31.")] = None
    max_per_day: Annotated[int, Parameter(help="How many requests it lets through in a UTC day.")] = 50
    max_sum_per_day: Annotated[
        str | None, Parameter(help="What one parameter may add up to in a UTC day, as amount_cents=50000.")
    ] = None
    note: Annotated[str, Parameter(help="Why it is safe, for whoever looks at it next.")] = ""
    broad: Annotated[
        bool, Parameter(negative="", help="Say that a wildcard in the agent, or no condition, is meant.")
    ] = False

    def wanted(self) -> "NewTrustedPattern":
        """Return the definition, as the API takes it. Raises StartError."""
        from pydantic import ValidationError

        from assent.models import RiskLevel
        from assent.policy_models import NewTrustedPattern

        try:
            return NewTrustedPattern(
                agent_id=self.agent_id,
                operation_type=self.operation_type,
                resource_type=self.resource_type,
                condition=self.condition,
                max_risk=None if self.max_risk is None else RiskLevel(self.max_risk),
                expires_at=None if self.expires_at is None else _in_utc(self.expires_at),
                max_per_day=self.max_per_day,
                max_sum_per_day=None if self.max_sum_per_day is None else _daily_sum(self.max_sum_per_day),
                note=self.note,
                broad=self.broad,
            )
        except ValidationError as error:
            wrong = error.errors()[0]
            name = "-".join(str(part) for part in wrong["loc"]).replace("_", "-")
            message = f"--{name}: {wrong['msg']}."
            raise StartError(message) from None


Config = Annotated[Path | None, Parameter(help="The file that declares the operations; assent.yaml by default.")]


@app.command(name="list")
def list_patterns() -> None:
    """Show every trusted pattern, with its use and what is dangerous about it."""
    from services.wiring import system_clock
    from storage.patterns import PatternStore

    now = system_clock()
    with open_database() as database:
        found = PatternStore(database).all(today=now)
    sys.stdout.write("".join(_described(used, now) for used in found))


@app.command
def add(draft: Draft, *, config: Config = None) -> None:
    """Make a trusted pattern, and print its id and what is dangerous about it."""
    from domain.principal import Operator

    wanted = draft.wanted()
    with _trusted_patterns(config) as patterns:
        made = patterns.make(Operator(), wanted)
    sys.stdout.write(f"{made.id}\n")
    sys.stderr.write("".join(f"warning: {warning}\n" for warning in made.warnings))


@app.command
def suspend(pattern_id: str, /) -> None:
    """Suspend a trusted pattern at once: what it would let through waits for a person again.

    Args:
        pattern_id: The pattern's id, as `assent patterns list` shows it.
    """
    from assent.policy_models import NewStatus, PatternChange
    from domain.pattern_changes import changed_pattern
    from domain.principal import Operator
    from services.wiring import system_clock
    from storage.patterns import PatternStore

    change = PatternChange(status=NewStatus.SUSPENDED)
    with open_database() as database:
        now = system_clock()
        changed = PatternStore(database).change(
            pattern_id.partition("@")[0], lambda old: changed_pattern(old, change, by=Operator(), now=now)
        )
    sys.stdout.write(f"{changed.id}@{changed.revision} is suspended.\n")


@app.command
def backtest(draft: Draft, *, config: Config = None) -> None:
    """Show what a pattern would have let through of the newest 100,000 requests, as JSON. Nothing is stored."""
    wanted = draft.wanted()
    with _trusted_patterns(config) as patterns:
        result = patterns.run_backtest(wanted)
    sys.stdout.write(f"{result.model_dump_json(indent=2)}\n")


@contextlib.contextmanager
def _trusted_patterns(config: Path | None) -> "Iterator[TrustedPatterns]":
    """Open the use case over the database and what the file declares."""
    from config.assent_file import AssentFile
    from config.settings import load_settings
    from services.patterns import TrustedPatterns
    from services.wiring import system_clock
    from storage.backtest_reads import BacktestReads
    from storage.keys import KeyStore
    from storage.patterns import PatternStore

    path = load_settings(need_signing_keys=False).config if config is None else config
    operations = AssentFile.read(path).operations
    with open_database() as database:
        yield TrustedPatterns(
            PatternStore(database), KeyStore(database), BacktestReads(database), operations, system_clock
        )


def _described(used: "UsedPattern", now: datetime) -> str:
    """Return a pattern as a few lines, with every character that could disguise something written out."""
    from config.printable import printable

    pattern = used.pattern
    what = f"{pattern.operation_type} on {pattern.resource_type}, up to {pattern.allowed_risk.value} risk"
    lines = [
        f"{pattern.id}@{pattern.revision}  {pattern.status_at(now).value}",
        printable(f"  {pattern.agent_id}: {what}"),
        printable(f"  when {pattern.condition or 'it asks'}"),
        f"  today {used.matched_today} of {pattern.max_per_day}, {used.matched} in all",
    ]
    if pattern.max_sum_per_day is not None:
        lines.append(printable(f"  {pattern.max_sum_per_day.parameter} up to {pattern.max_sum_per_day.limit:g} a day"))
    if pattern.expires_at is not None:
        lines.append(f"  until {pattern.expires_at:%Y-%m-%d %H:%M} UTC")
    if pattern.broad:
        lines.append("  broad")
    if pattern.trusts_claims:
        lines.append("  trusts the agent's claims")
    if pattern.note:
        lines.append(printable(f"  note: {pattern.note}"))
    return "".join(f"{line}\n" for line in lines)


def _daily_sum(written: str) -> "DailySum":
    from assent.policy_models import DailySum

    parameter, _, limit = written.partition("=")
    try:
        return DailySum(parameter=parameter, limit=float(limit))
    except ValueError:
        message = f"--max-sum-per-day is {written!r}: write it as <parameter>=<number above 0>."
        raise StartError(message) from None


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
