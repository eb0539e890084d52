"""Proof that a session was shown the last step before a decision: which approval, which content, and where.

A proof is stateless, so any API process can check what another has shown. It names the decision that it is for: a form
that is sent twice is one decision.
"""

import re
import secrets
from datetime import timedelta
from uuid import UUID

from assent.models import Outcome
from domain.clock import Clock
from domain.confirmation import Shown
from domain.errors import NotConfirmedError
from domain.frozen import Frozen
from domain.signing import Signature, SigningKeys

VALID_FOR = timedelta(hours=1)

_FORM = re.compile(r"(?P<nonce>[0-9a-f]{32})\.(?P<at>[0-9]{1,12})\.(?P<key>[^.]{1,64})\.(?P<mac>[0-9a-f]{64})")


class Step(Frozen):
    """The last step before a decision, as one session was shown it."""

    session_id: str
    approval_id: str
    digest: str
    outcome: Outcome
    shown: Shown


class Confirmations:
    """Issues and checks proofs."""

    def __init__(self, signing_keys: SigningKeys, clock: Clock) -> None:
        """Take the keys that every API shares, and the clock."""
        self._signing_keys = signing_keys
        self._clock = clock

    def issue(self, step: Step) -> str:
        """Return the proof that a session is shown `step` now."""
        nonce, at = secrets.token_hex(16), str(int(self._clock().timestamp()))
        signature = self._signing_keys.sign(_fields(step, nonce, at))
        return f"{nonce}.{at}.{signature.key_id}.{signature.mac}"

    def check(self, proof: str, step: Step) -> str:
        """Return the key of the one decision that this proof is for. Raises NotConfirmedError."""
        found = _FORM.fullmatch(proof)
        if found is None:
            raise NotConfirmedError(_LOOK_AGAIN)
        signature = Signature(key_id=found["key"], mac=found["mac"])
        if not self._signing_keys.verify(_fields(step, found["nonce"], found["at"]), signature):
            raise NotConfirmedError(_LOOK_AGAIN)
        if self._clock().timestamp() - int(found["at"]) > VALID_FOR.total_seconds():
            message = "This was shown more than an hour ago. Look again, and confirm."
            raise NotConfirmedError(message)
        return str(UUID(found["nonce"]))


_LOOK_AGAIN = "What was confirmed is not what stands here now, or not in this session. Look again, and confirm."


def _fields(step: Step, nonce: str, at: str) -> tuple[str, ...]:
    return (
        "confirm",
        step.session_id,
        step.approval_id,
        step.digest,
        step.outcome.value,
        step.shown.value,
        nonce,
        at,
    )
