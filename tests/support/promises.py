"""What must hold of every record, whatever was killed, locked or lost on the way."""

from collections import Counter

from sqlalchemy import select

from assent.models import ApprovalStatus, Operation, Verdict
from domain.audit import Action
from domain.operation import operation_digest
from storage.database import Database
from storage.tables import approvals, audit_events, decisions, executions
from tests.support.runs import starts

_NOTHING_RAN = {ApprovalStatus.PENDING, ApprovalStatus.REJECTED, ApprovalStatus.EXPIRED, ApprovalStatus.CANCELLED}
_ENDINGS = {
    Action.APPROVAL_REJECTED,
    Action.APPROVAL_EXPIRED,
    Action.APPROVAL_CANCELLED,
    Action.APPROVAL_EXECUTED,
    Action.APPROVAL_FAILED,
}


def check_promises(database: Database, *, all_ended: bool = True) -> Counter[str]:
    """Read every record and hold it against the promises; return how many approvals stand at each status."""
    counted: Counter[str] = Counter()
    with database.read() as connection:
        events = list(connection.execute(select(audit_events)))
        votes = list(connection.execute(select(decisions)))
        claims = {claim.approval_id: claim for claim in connection.execute(select(executions))}
        rows = list(connection.execute(select(approvals)))
    for row in rows:
        counted[row.status] += 1
        status = ApprovalStatus(row.status)
        told = Counter(event.action for event in events if event.approval_id == row.id)
        accepted = [vote for vote in votes if vote.approval_id == row.id and vote.accepted]
        assert status.is_terminal or not all_ended, (row.id, row.status)
        # One ending, told once, and told as what the row says.
        endings = {action: told[action] for action in _ENDINGS if told[action]}
        expected = {f"approval.{status.value}": 1} if status.is_terminal else {}
        assert endings == expected, (row.id, row.status, told)
        # No decision that came after the deadline counts, and none twice.
        assert all(vote.decided_at < row.expires_at for vote in accepted)
        assert told[Action.DECISION_RECORDED] == len(accepted)
        persons = [vote.owner or vote.reviewer for vote in accepted]
        assert len(persons) == len(set(persons))
        # What ran is what was approved; what was not approved left nothing behind.
        if status in _NOTHING_RAN:
            assert row.id not in claims
            assert starts(row.id) == 0
            assert told[Action.EXECUTION_STARTED] == 0
        else:
            assert told[Action.APPROVAL_APPROVED] == 1
            approving = [vote for vote in accepted if vote.outcome == "approve"]
            if row.verdict == Verdict.ALLOW:
                assert row.decided_by
                assert all(by.startswith(("policy:", "pattern:")) for by in row.decided_by)
                assert approving == []
            else:
                assert len(approving) >= row.required_approvals
        if row.id in claims:
            assert claims[row.id].digest == row.digest
            operation = {
                "type": row.operation_type,
                "resource_type": row.resource_type,
                "resource_id": row.resource_id,
                "parameters": row.parameters,
            }
            assert row.digest == operation_digest(row.id, row.agent_id, _operation(operation), row.declaration)
            assert told[Action.EXECUTION_STARTED] == 1
        if not row.plan["idempotent"]:
            assert starts(row.id) <= 1
        if status is ApprovalStatus.EXECUTED:
            assert claims[row.id].finished_at is not None
    return counted


def _operation(content: dict[str, object]) -> Operation:
    return Operation.model_validate(content)
