"""What the Temporal UI says of an approval: our own words and the declared operation type, never an agent's text."""

from assent.models import ApprovalStatus
from domain.approval import BY_POLICY, ApprovalState
from domain.messages import SignalKind

_SIGNALS = {
    SignalKind.DECIDE: "Record a decision",
    SignalKind.CANCEL: "Record a cancel",
    SignalKind.TEMPORAL_CANCEL: "Record the cancel from Temporal",
}

_BY_RULE = ("policy:", "pattern:", BY_POLICY)

_ENDINGS = {
    ApprovalStatus.APPROVED: "Approved. The operation is about to run, or running.",
    ApprovalStatus.REJECTED: "It was rejected. Nothing ran.",
    ApprovalStatus.EXPIRED: "Nobody decided in time. Nothing ran.",
    ApprovalStatus.CANCELLED: "It was cancelled while pending. Nothing ran.",
    ApprovalStatus.EXECUTED: "The approved operation ran to its end.",
    ApprovalStatus.FAILED: "The approved operation failed, or was refused at its start. The record says why.",
}


def static_summary(operation_type: str, resource_type: str) -> str:
    """Return the workflow's title, set when it starts."""
    return f"{operation_type} on {resource_type}"


def details(state: ApprovalState) -> str:
    """Return the workflow's current details, in Markdown."""
    lines = [
        f"**{state.status.value}**, {state.risk_level.value} risk: `{state.operation_type}` on `{state.resource_type}`",
        "",
        f"- Approvals: {_approvals(state)}",
        f"- Deadline: {state.expires_at:%Y-%m-%d %H:%M:%S} UTC",
    ]
    if state.decided_by:
        lines.append(f"- Decided by: {', '.join(state.decided_by)}")
    lines += ["", _sentence(state)]
    return "\n".join(lines)


def timer_summary(state: ApprovalState) -> str:
    """Return what the deadline's timer is called."""
    return f"Expires {state.expires_at:%Y-%m-%d %H:%M:%S} UTC unless decided"


def signal_summary(kind: SignalKind) -> str:
    """Return what the record of one message is called."""
    return _SIGNALS[kind]


def execution_summary(state: ApprovalState) -> str:
    """Return what the execution activity is called."""
    return f"Run {state.operation_type} on {state.resource_type}"


def _approvals(state: ApprovalState) -> str:
    if any(each.startswith(_BY_RULE) for each in state.decided_by):
        return "nobody was asked"
    return f"{state.approvals} of {state.required_approvals}"


def _sentence(state: ApprovalState) -> str:
    if state.status is ApprovalStatus.PENDING:
        missing = state.required_approvals - state.approvals
        return f"Waiting for {missing} more approval{'s' if missing > 1 else ''}, or one rejection."
    if state.outcome_unknown:
        return "The operation started, and nobody knows whether it finished. Check the target system first."
    return _ENDINGS[state.status]
