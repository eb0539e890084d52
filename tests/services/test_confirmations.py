"""A decision of a session needs the proof that the session was shown its last step."""

from datetime import UTC, datetime, timedelta

import pytest

from assent.models import Outcome
from domain.confirmation import Shown
from domain.errors import NotConfirmedError
from domain.signing import SigningKeys
from services.confirmations import VALID_FOR, Confirmations, Step

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEYS = SigningKeys({"one": b"k" * 32})
STEP = Step(session_id="s1", approval_id="a1", digest="d" * 64, outcome=Outcome.APPROVE, shown=Shown.PAGE)


def at(moment: datetime, keys: SigningKeys = KEYS) -> Confirmations:
    return Confirmations(keys, lambda: moment)


def test_a_proof_names_one_decision() -> None:
    """A form that is sent twice is the same decision; one that is shown again is another."""
    desk = at(NOW)
    first, second = desk.issue(STEP), desk.issue(STEP)

    assert desk.check(first, STEP) == desk.check(first, STEP)
    assert desk.check(first, STEP) != desk.check(second, STEP)


@pytest.mark.parametrize(
    "change",
    [
        {"session_id": "s2"},
        {"approval_id": "a2"},
        {"digest": "e" * 64},
        {"outcome": Outcome.REJECT},
        {"shown": Shown.BULK},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_proof_is_for_what_was_shown(change: dict[str, object]) -> None:
    """Not for another session, approval, content, outcome or place."""
    proof = at(NOW).issue(STEP)

    with pytest.raises(NotConfirmedError):
        at(NOW).check(proof, STEP.model_copy(update=change))


@pytest.mark.parametrize("proof", ["", "x", "0" * 32 + ".1.one." + "0" * 64, "é" * 40])
def test_a_made_up_proof_proves_nothing(proof: str) -> None:
    """Whatever its form."""
    with pytest.raises(NotConfirmedError):
        at(NOW).check(proof, STEP)


def test_a_proof_of_other_keys_proves_nothing() -> None:
    """Only an API that shares the keys can have shown it."""
    with pytest.raises(NotConfirmedError):
        at(NOW).check(at(NOW, SigningKeys({"one": b"x" * 32})).issue(STEP), STEP)


def test_a_proof_grows_old() -> None:
    """Whoever comes back after lunch looks again."""
    proof = at(NOW).issue(STEP)

    assert at(NOW + VALID_FOR).check(proof, STEP)
    with pytest.raises(NotConfirmedError, match="hour"):
        at(NOW + VALID_FOR + timedelta(seconds=1)).check(proof, STEP)
