"""The first record of an approval: is the request authentic, and what do policy and trusted patterns ask for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from temporalio import activity
from typing_extensions import override

from assent.models import ApprovalStatus, Verdict
from domain.approval import BY_REVOCATION, ApprovalState, workflow_id_of
from domain.audit import Action, AuditEvent, event_id
from domain.clock import Clock
from domain.conditions import Circumstances
from domain.execution import SealedAssessment
from domain.messages import Assess
from domain.operation import ApprovalRequest, ExecutionPlan, operation_digest
from domain.policy import Policy
from domain.results import storable
from domain.risk import Assessment as PolicyAssessment
from domain.signing import SigningKeys
from operations.registry import OperationRegistry
from storage.approvals import ApprovalStore
from storage.keys import KeyStore
from storage.opening import Ending, Opening, Sealed, Trust
from storage.patterns import PatternStore
from workflows.activity_interfaces import AssessmentInterface


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What an assessment goes by: whatever policy is in force, the trusted patterns, and the declared operations."""

    policy: Callable[[], Policy]
    patterns: PatternStore
    operations: OperationRegistry


class Assessment(AssessmentInterface):
    """Assesses requests by the worker's own `assent.yaml` and the stored patterns."""

    def __init__(
        self, approvals: ApprovalStore, keys: KeyStore, rulebook: Rulebook, signing_keys: SigningKeys, clock: Clock
    ) -> None:
        """Take the record, the keys of agents, what to go by, the keys that prove requests, and the clock."""
        self._approvals = approvals
        self._keys = keys
        self._rulebook = rulebook
        self._signing_keys = signing_keys
        self._clock = clock
        self._told_version: str | None = None

    @override
    @activity.defn(name="assess", no_thread_cancel_exception=True)
    def assess(self, command: Assess) -> ApprovalState | None:
        """Return the stored approval; None when the request was not signed by an Assent API."""
        request = self._authentic(command)
        if request is None:
            self._tell_refused(command)
            return None
        policy = self._rulebook.policy()
        self._tell_policy(policy)
        circumstances = policy.circumstances(
            request.operation,
            agent_id=request.agent_id,
            agent_owner=request.agent_owner,
            context=request.context,
            now=command.started_at,
        )
        assessment = policy.assess(circumstances, request.risk_level)
        ending, trust = self._ending(request, assessment, circumstances.now), None
        if ending is None:
            trust = self._trust(request, assessment, circumstances)
        allowed = ending is not None and ending.status is ApprovalStatus.APPROVED
        # Only what goes on at once is sealed as allowed: whatever waits or has ended must never run without votes.
        verdict = Verdict.ASK if assessment.verdict is Verdict.ALLOW and not allowed else assessment.verdict
        return self._approvals.open(
            Opening(
                request=request,
                assessment=assessment,
                sealed=self._sealed(request, assessment, verdict, circumstances.now),
                started_at=command.started_at,
                run_id=command.run_id,
                ending=ending,
                trust=trust,
            )
        )

    def _authentic(self, command: Assess) -> ApprovalRequest | None:
        try:
            request = ApprovalRequest.model_validate_json(command.request or "")
        except ValidationError:
            return None
        # The workflow's id is compared too: a copied request must not start a second workflow for its approval.
        speaks_for_it = activity.info().workflow_id == workflow_id_of(request.approval_id)
        digest = operation_digest(request.approval_id, request.agent_id, request.operation, request.declaration)
        signed = self._signing_keys.verify(request.signed_fields(), request.signature)
        return request if signed and speaks_for_it and digest == request.digest else None

    def _sealed(
        self, request: ApprovalRequest, assessment: PolicyAssessment, verdict: Verdict, started_at: datetime
    ) -> Sealed:
        declared = self._rulebook.operations.find(request.operation.type)
        sealed = SealedAssessment(
            approval_id=request.approval_id,
            digest=request.digest,
            verdict=verdict,
            risk_level=assessment.level,
            required_approvals=assessment.required_approvals,
            expires_at=started_at + assessment.timeout,
            plan=ExecutionPlan() if declared is None else declared.declaration.plan,
            agent_owner=request.agent_owner,
        )
        return Sealed(assessment=sealed, seal=self._signing_keys.sign(sealed.signed_fields()))

    def _ending(self, request: ApprovalRequest, assessment: PolicyAssessment, started_at: datetime) -> Ending | None:
        if not self._keys.is_active(request.agent_id):
            reason = f"The key of {request.agent_id} was revoked."
            return Ending(status=ApprovalStatus.CANCELLED, by=(BY_REVOCATION,), reason=reason)
        reason = " ".join(assessment.reasons)
        if assessment.verdict is Verdict.DENY:
            return Ending(status=ApprovalStatus.REJECTED, by=assessment.decided_by, reason=reason)
        if assessment.verdict is Verdict.ALLOW and self._in_time(assessment, started_at):
            return Ending(status=ApprovalStatus.APPROVED, by=assessment.decided_by, reason=reason)
        return None

    def _trust(
        self, request: ApprovalRequest, assessment: PolicyAssessment, circumstances: Circumstances
    ) -> Trust | None:
        if not (assessment.open_to_patterns and self._in_time(assessment, circumstances.now)):
            return None
        matches = self._rulebook.patterns.book().matches(assessment, circumstances, now=self._clock())
        if not matches:
            return None
        sealed = self._sealed(request, assessment, Verdict.ALLOW, circumstances.now)
        return Trust(matches=tuple(matches), sealed=sealed)

    def _in_time(self, assessment: PolicyAssessment, started_at: datetime) -> bool:
        """Whether the deadline is still to come: nobody decides after it, policy and patterns included."""
        return self._clock() < started_at + assessment.timeout

    def _tell_policy(self, policy: Policy) -> None:
        """Tell in the log what this version says, before the first approval that refers to it."""
        if policy.version == self._told_version:
            return
        self._approvals.append(
            AuditEvent(
                event_id=event_id(Action.POLICY_LOADED, policy.version),
                at=self._clock(),
                actor="system:worker",
                action=Action.POLICY_LOADED,
                details={"version": policy.version, **policy.content},
            )
        )
        self._told_version = policy.version

    def _tell_refused(self, command: Assess) -> None:
        workflow_id = storable(activity.info().workflow_id or "", limit=200)
        self._approvals.append(
            AuditEvent(
                event_id=event_id(Action.SUBMISSION_REFUSED, workflow_id, command.run_id),
                at=command.started_at,
                actor="unknown",
                action=Action.SUBMISSION_REFUSED,
                details={"refusal": "unauthentic", "workflow_id": workflow_id, "run_id": command.run_id},
            )
        )
