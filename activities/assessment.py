"""The first record of an approval: is the request authentic, and what does policy ask for."""

from pydantic import ValidationError
from temporalio import activity
from typing_extensions import override

from assent.models import ApprovalStatus
from domain.approval import BY_POLICY, BY_REVOCATION, ApprovalState, workflow_id_of
from domain.audit import Action, AuditEvent, event_id
from domain.execution import SealedAssessment
from domain.messages import Assess
from domain.operation import ApprovalRequest, ExecutionPlan, operation_digest
from domain.policy import Policy
from domain.results import storable
from domain.risk import Assessment as PolicyAssessment
from domain.risk import Verdict
from domain.signing import SigningKeys
from operations.registry import OperationRegistry
from storage.approvals import ApprovalStore, Ending
from storage.keys import KeyStore
from workflows.activity_interfaces import AssessmentInterface


class Assessment(AssessmentInterface):
    """Assesses requests by the worker's own `assent.yaml`."""

    def __init__(
        self, approvals: ApprovalStore, keys: KeyStore, operations: OperationRegistry, signing_keys: SigningKeys
    ) -> None:
        """Take the record, the keys of agents, the declared operations and the keys that prove requests."""
        self._approvals = approvals
        self._keys = keys
        self._operations = operations
        self._policy = Policy(operations.declarations)
        self._signing_keys = signing_keys

    @override
    @activity.defn(name="assess", no_thread_cancel_exception=True)
    def assess(self, command: Assess) -> ApprovalState | None:
        """Return the stored approval; None when the request was not signed by an Assent API."""
        request = self._authentic(command)
        if request is None:
            self._tell_refused(command)
            return None
        assessment = self._policy.assess(request.operation)
        declared = self._operations.find(request.operation.type)
        plan = ExecutionPlan() if declared is None else declared.declaration.plan
        sealed = SealedAssessment(
            approval_id=request.approval_id,
            digest=request.digest,
            verdict=assessment.verdict,
            risk_level=assessment.level,
            required_approvals=assessment.required_approvals,
            expires_at=command.started_at + assessment.timeout,
            plan=plan,
            agent_owner=request.agent_owner,
        )
        return self._approvals.open(
            request,
            sealed,
            reasons=assessment.reasons,
            seal=self._signing_keys.sign(sealed.signed_fields()),
            started_at=command.started_at,
            run_id=command.run_id,
            ending=self._ending(request, assessment),
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

    def _ending(self, request: ApprovalRequest, assessment: PolicyAssessment) -> Ending | None:
        if not self._keys.is_active(request.agent_id):
            reason = f"The key of {request.agent_id} was revoked."
            return Ending(status=ApprovalStatus.CANCELLED, by=BY_REVOCATION, reason=reason)
        if assessment.verdict is Verdict.DENY:
            return Ending(status=ApprovalStatus.REJECTED, by=BY_POLICY, reason=" ".join(assessment.reasons))
        return None

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
