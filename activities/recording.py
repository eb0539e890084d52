"""Every record after the first: decisions, cancels, expiry, and how the execution ended."""

from pydantic import ValidationError
from temporalio import activity
from typing_extensions import override

from domain.approval import BY_TEMPORAL_CANCEL, ApprovalState
from domain.audit import Action, AuditEvent, event_id
from domain.ballot import Cancel, Decision, Refusal
from domain.canonical import sha256_hex
from domain.messages import RecordExpiry, RecordOutcome, RecordSignal, SignalKind
from domain.signing import SigningKeys
from storage.approvals import ApprovalStore
from workflows.activity_interfaces import RecordingInterface


class Recording(RecordingInterface):
    """Takes what the workflow proposes to the transactions that decide."""

    def __init__(self, approvals: ApprovalStore, signing_keys: SigningKeys) -> None:
        """Take the record, and the keys that prove messages."""
        self._approvals = approvals
        self._signing_keys = signing_keys

    @override
    @activity.defn(name="record_signal", no_thread_cancel_exception=True)
    def record_signal(self, command: RecordSignal) -> ApprovalState:
        """Record a decision or a cancel, accepted or refused."""
        if command.kind is SignalKind.TEMPORAL_CANCEL:
            cancel = Cancel(
                cancel_id=BY_TEMPORAL_CANCEL,
                approval_id=command.approval_id,
                actor=BY_TEMPORAL_CANCEL,
                reason="The workflow was cancelled in Temporal.",
                requested_at=command.at,
            )
            return self._approvals.cancel(cancel, at=command.at)
        authentic = self._authentic(command)
        if authentic is None:
            return self._refuse_unauthentic(command)
        if isinstance(authentic, Decision):
            return self._approvals.decide(authentic, at=command.at)
        return self._approvals.cancel(authentic, at=command.at)

    @override
    @activity.defn(name="record_expiry", no_thread_cancel_exception=True)
    def record_expiry(self, command: RecordExpiry) -> ApprovalState:
        """Record that no decision came in time."""
        return self._approvals.expire(command.approval_id, at=command.at)

    @override
    @activity.defn(name="record_outcome", no_thread_cancel_exception=True)
    def record_outcome(self, command: RecordOutcome) -> ApprovalState:
        """Record how the execution ended."""
        return self._approvals.finish(command.approval_id, command.outcome, at=command.at)

    def _authentic(self, command: RecordSignal) -> Decision | Cancel | None:
        kind = Decision if command.kind is SignalKind.DECIDE else Cancel
        try:
            message = kind.model_validate_json(command.content or "")
        except ValidationError:
            return None
        if message.approval_id != command.approval_id:
            return None
        return message if self._signing_keys.verify(message.signed_fields(), message.signature) else None

    def _refuse_unauthentic(self, command: RecordSignal) -> ApprovalState:
        """Tell it in the log under an id of its own, so that it cannot take a real decision's place."""
        content = sha256_hex((command.content or "").encode())
        action = Action.DECISION_REFUSED if command.kind is SignalKind.DECIDE else Action.CANCEL_REFUSED
        self._approvals.append(
            AuditEvent(
                event_id=event_id(action, command.approval_id, Refusal.UNAUTHENTIC.value, content),
                at=command.at,
                actor="unknown",
                action=action,
                approval_id=command.approval_id,
                details={"refusal": Refusal.UNAUTHENTIC.value, "content_sha256": content},
            )
        )
        return self._approvals.state(command.approval_id)
