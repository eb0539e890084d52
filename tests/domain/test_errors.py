"""The tree of refusals: every one says what to do, and belongs to one kind of answer."""

import inspect

import pytest

from domain import errors
from domain.errors import AssentError

KINDS = {
    errors.InvalidInputError,
    errors.NotAuthenticatedError,
    errors.SignInFailedError,
    errors.NotAllowedError,
    errors.NotFoundError,
    errors.ConflictError,
    errors.TooManyError,
    errors.PausedError,
    errors.UnavailableError,
    errors.InternalError,
}
ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


def test_a_refusal_carries_its_sentence() -> None:
    """The detail is what is shown, in the API and in a traceback alike; nothing else is set by itself."""
    error = AssentError("Use another key.")
    assert (error.detail, str(error)) == ("Use another key.", "Use another key.")
    assert error.decided_by is None
    assert error.decision_id is None
    assert error.retry_after is None


def test_a_refusal_names_who_decided_and_which_decision() -> None:
    """Where that is the answer."""
    error = errors.DecisionRefusedError("Too late.", decided_by=("reviewer:ana",), decision_id="d1")
    assert (error.decided_by, error.decision_id) == (("reviewer:ana",), "d1")


def test_a_refusal_says_when_to_come_again() -> None:
    """In seconds, where that is known."""
    assert errors.TooManySubmissionsError("Slower.", retry_after=7).retry_after == 7


def test_there_is_one_tree() -> None:
    """Whatever Assent refuses can be caught as one, and is of exactly one kind."""
    assert set(AssentError.__subclasses__()) == KINDS
    assert all(sum(issubclass(kind, one) for one in KINDS) == 1 for kind in ALL if kind is not AssentError)


@pytest.mark.parametrize("kind", ALL)
def test_a_kind_of_refusal_explains_itself(kind: type[AssentError]) -> None:
    """Its name ends in Error, and its first line is a sentence: the API shows it as the title."""
    assert issubclass(kind, AssentError)
    assert kind.__name__.endswith("Error")
    assert (kind.__doc__ or "").splitlines()[0].endswith(".")
