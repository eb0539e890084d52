"""Everything that Assent refuses, as one tree. Each message is a sentence that says what to do next.

The API turns each leaf into one HTTP status; a test holds the two together.
"""


class AssentError(Exception):
    """The root of everything that Assent refuses."""

    def __init__(
        self,
        detail: str,
        *,
        decided_by: tuple[str, ...] | None = None,
        decision_id: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Say what is wrong and what to do; name who decided, which decision, or in how many seconds to try again."""
        super().__init__(detail)
        self.detail = detail
        self.decided_by = decided_by
        self.decision_id = decision_id
        self.retry_after = retry_after


class InvalidInputError(AssentError):
    """What was sent does not make sense."""


class UndeclaredOperationError(InvalidInputError):
    """The operation's type or resource type is not listed in `assent.yaml`."""


class InvalidOperationError(InvalidInputError):
    """The operation's resource id or parameters break its declaration."""


class InvalidDecisionError(InvalidInputError):
    """The decision lacks its comment or its digest."""


class InvalidPersonError(InvalidInputError):
    """The person's name or password cannot be taken."""


class InvalidQueryError(InvalidInputError):
    """A list was asked for with a cursor or a filter that means nothing."""


class InvalidPatternError(InvalidInputError):
    """The trusted pattern does not make sense."""


class BroadPatternError(InvalidInputError):
    """The trusted pattern is broad, and nobody said that this is meant."""


class NotAuthenticatedError(AssentError):
    """No valid key came with the request."""


class SignInFailedError(AssentError):
    """The name, the password or the sign-in link is not valid."""


class NotAllowedError(AssentError):
    """The key is valid, and may not do this."""


class OwnRequestError(NotAllowedError):
    """Somebody tried to decide their own request."""


class OwnPatternError(NotAllowedError):
    """The trusted pattern can match an agent that its author answers for."""


class RoleNotAllowedError(NotAllowedError):
    """The key's role does not include this."""


class NotFoundError(AssentError):
    """Nothing is there for this caller."""


class ApprovalNotFoundError(NotFoundError):
    """No such approval, or not this agent's."""


class KeyNotFoundError(NotFoundError):
    """No such key."""


class PersonNotFoundError(NotFoundError):
    """No such person."""


class SessionNotFoundError(NotFoundError):
    """No such session of this person's."""


class PauseNotFoundError(NotFoundError):
    """Nothing is paused under this scope."""


class PatternNotFoundError(NotFoundError):
    """No such trusted pattern."""


class ConflictError(AssentError):
    """The request contradicts what is recorded."""


class IdempotencyConflictError(ConflictError):
    """The same idempotency key came with other content."""


class NotAssessedYetError(ConflictError):
    """The approval has not been assessed, so there is nothing yet to decide."""


class DecisionRefusedError(ConflictError):
    """The decision did not count."""


class NotPendingError(ConflictError):
    """The approval has already ended or been approved."""


class NotConfirmedError(ConflictError):
    """A step that guards the decision was left out, or what was confirmed has changed since."""


class NotUnknownError(ConflictError):
    """The execution's outcome is known, or was settled before."""


class AlreadyPausedError(ConflictError):
    """The same scope is paused already."""


class NameTakenError(ConflictError):
    """The name of a key or of a person is or was in use."""


class TooManyError(AssentError):
    """A limit on how often something may be done was reached."""


class TooManyDecisionsError(TooManyError):
    """One approval got more decisions than it takes."""


class TooManySubmissionsError(TooManyError):
    """One key submitted more operations than it may in a minute."""


class TooManySignInsError(TooManyError):
    """Too many sign-ins were tried."""


class PausedError(AssentError):
    """An admin has paused what was asked for. Nothing was stored."""


class UnavailableError(AssentError):
    """Something that Assent needs does not answer. Nothing was changed that is not recorded."""


class StorageUnavailableError(UnavailableError):
    """The database does not answer."""


class TemporalUnavailableError(UnavailableError):
    """Temporal does not answer."""


class InternalError(AssentError):
    """A rule of Assent's own was broken; never the caller's doing."""


class IllegalTransitionError(InternalError):
    """A status that may not follow the stored one."""


class MissingRowError(InternalError):
    """A workflow speaks for an approval that the record does not have."""
