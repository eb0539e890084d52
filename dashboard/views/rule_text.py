"""A rule of the policy as a person reads it: one sentence, and a chip for each of its effects."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from assent.models import Verdict
from assent.policy_models import PolicyRule
from dashboard.pages import visible
from domain.frozen import Frozen
from domain.globs import ANYTHING
from domain.rules import DEFAULT_ALLOWED_RISK

_MATCHED = {"agent_id": "the agent", "operation_type": "the operation", "resource_type": "the resource"}
_UNITS = {"m": "min"}
_VERDICTS = {
    Verdict.DENY: "Nobody is asked, and nothing runs. It beats every other rule.",
    Verdict.ALLOW: "It runs at once, unless another rule asks or denies.",
    Verdict.ASK: "A person decides, unless another rule denies.",
}


class Chip(Frozen):
    """One effect of a rule in a word or two. `warns`: it is something to be careful with."""

    word: str
    about: str
    warns: bool = False


def sentence_of(rule: PolicyRule) -> Markup:
    """Return what a rule says, such as `When the operation is user.*delete: at least high risk.`."""
    effects = tuple(_effects(rule)) or ("reviewers read its reason",)
    return Markup("{}: {}.").format(_when(rule), _joined(effects, ", "))


def chips_of(rule: PolicyRule) -> tuple[Chip, ...]:
    """Return a rule's effects, save its risk, which has a badge."""
    return tuple(_chips(rule))


def time_of(written: str) -> str:
    """Return a time as the file writes it, such as `15m`, in the words of the pages: `15 min`."""
    number, unit = written[:-1], written[-1]
    return f"{number} {_UNITS.get(unit, unit)}"


def _when(rule: PolicyRule) -> Markup:
    clauses = [
        Markup("{} is {}").format(subject, _joined([_code(glob) for glob in rule.match[name]], " or "))
        for name, subject in _MATCHED.items()
        if rule.match.get(name, [ANYTHING]) != [ANYTHING]
    ]
    if rule.when is not None:
        clauses.append(Markup("its condition holds"))
    return Markup("When {}").format(_joined(clauses, " and ")) if clauses else Markup("For every request")


def _effects(rule: PolicyRule) -> Iterable[str]:
    if rule.verdict is Verdict.DENY:
        yield "it is denied"
    if rule.verdict is Verdict.ALLOW:
        yield f"it runs without a person, up to {(rule.max_risk or DEFAULT_ALLOWED_RISK).value} risk"
    if rule.risk is not None:
        yield f"at least {rule.risk.value} risk"
    if rule.verdict is Verdict.ASK and not rule.human:
        yield "a person is asked"
    if rule.human:
        yield "a person always decides, whatever trusted patterns say"
    if rule.patterns:
        yield "a trusted pattern may let it through even at critical risk"
    if rule.required_approvals is not None:
        yield (
            "one person is enough" if rule.required_approvals == 1 else f"{rule.required_approvals} people must approve"
        )
    if rule.timeout is not None:
        yield f"at most {time_of(rule.timeout)} to decide"


def _chips(rule: PolicyRule) -> Iterable[Chip]:
    if rule.verdict is not None:
        yield Chip(word=rule.verdict.value, about=_VERDICTS[rule.verdict])
    if rule.max_risk is not None:
        yield Chip(word=f"up to {rule.max_risk.value}", about="The highest risk that it lets through without a person.")
    if rule.required_approvals is not None:
        many = rule.required_approvals > 1
        yield Chip(
            word=f"{rule.required_approvals} approvals" if many else "1 approval",
            about="How many people must approve, unless another rule says more.",
        )
    if rule.timeout is not None:
        yield Chip(word=f"within {time_of(rule.timeout)}", about="The shortest time of all that matches counts.")
    if rule.human:
        yield Chip(word=f"human: {rule.human}", about="No trusted pattern lets it through.")
    if rule.patterns:
        yield Chip(
            word=f"patterns: {rule.patterns}", about="Trusted patterns may let critical risk through.", warns=True
        )
    if rule.trusts_claims:
        yield Chip(
            word="trusts claims", about="Its condition reads what the agent says of itself, unverified.", warns=True
        )


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(visible(text))


def _joined(parts: Sequence[str], last: str) -> Markup:
    """Join by commas, and the last by `last`; what is no markup is escaped."""
    if len(parts) <= 1:
        return Markup("").join(parts)
    return Markup("{}{}{}").format(Markup(", ").join(parts[:-1]), last, parts[-1])
