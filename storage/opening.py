"""The first record of an approval: what was asked, what policy and patterns say of it, and what follows at once."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from assent.models import ApprovalStatus
from domain.audit import Action, AuditEvent, event_id
from domain.execution import SealedAssessment
from domain.frozen import Frozen
from domain.operation import ApprovalRequest
from domain.patterns import PatternMatch, TrustedPattern
from domain.risk import Assessment
from domain.signing import Signature
from storage.alerts import plan_alerts
from storage.audit import append_event
from storage.database import announce, insert_once
from storage.pattern_uses import take_use
from storage.rows import locked_row, move
from storage.tables import approvals


class Ending(Frozen):
    """How an approval goes on without anybody deciding, by whom, and why."""

    status: ApprovalStatus
    by: tuple[str, ...]
    reason: str


class Sealed(Frozen):
    """An assessment and the seal on it."""

    assessment: SealedAssessment
    seal: Signature


class Trust(Frozen):
    """The patterns that would let a request through, and what is sealed when one of them does."""

    matches: tuple[PatternMatch, ...]
    sealed: Sealed


class Opening(Frozen):
    """All that the first record of an approval says. An `ending` comes at once; without one, `trust` may bring one."""

    request: ApprovalRequest
    assessment: Assessment
    sealed: Sealed
    started_at: datetime
    run_id: str
    ending: Ending | None = None
    trust: Trust | None = None


def open_approval(connection: Connection, opening: Opening, *, alerts: bool = False) -> None:
    """Write the approval's row unless it is there already; then end it, or let a pattern through, once.

    With `alerts`, an approval that waits for people gets those that tell of it.
    """
    approval_id = opening.request.approval_id
    inserted = insert_once(connection, approvals, _row(opening, alerted=alerts and opening.ending is None))
    row = locked_row(connection, approval_id)
    if not inserted:
        return
    _tell_requested(connection, opening)
    ending = opening.ending
    details: dict[str, Any] = {}
    if ending is None and (pattern := _taken_pattern(connection, opening)) is not None:
        details = {"pattern": pattern.use.model_dump()}
        ending = _by_pattern(pattern)
    if ending is not None:
        move(
            connection,
            row,
            ending.status,
            by=ending.by[0],
            at=opening.started_at,
            decided_by=list(ending.by),
            details={"reason": ending.reason, **details},
        )
    elif alerts:
        expires_at = opening.sealed.assessment.expires_at
        plan_alerts(connection, approval_id, created_at=opening.started_at, expires_at=expires_at)
    announce(connection, approval_id)


def _taken_pattern(connection: Connection, opening: Opening) -> TrustedPattern | None:
    """Count one use of the first pattern that has room, and seal what it decides; None when none has."""
    trust = opening.trust
    if trust is None:
        return None
    for match in trust.matches:
        if take_use(connection, match, at=opening.started_at):
            use = match.pattern.use.model_dump()
            connection.execute(
                update(approvals)
                .where(approvals.c.id == opening.request.approval_id)
                .values(**_sealed_columns(trust.sealed), pattern=use, alerted=False)
            )
            return match.pattern
    return None


def _by_pattern(pattern: TrustedPattern) -> Ending:
    claims = " It relied on the agent's claims." if pattern.trusts_claims else ""
    return Ending(
        status=ApprovalStatus.APPROVED,
        by=(pattern.actor,),
        reason=f"Trusted pattern {pattern.id}, revision {pattern.revision}, let it through.{claims}",
    )


def _row(opening: Opening, *, alerted: bool) -> dict[str, Any]:
    request, assessment = opening.request, opening.assessment
    return {
        "id": request.approval_id,
        "revision": 1,
        "status": ApprovalStatus.PENDING.value,
        "agent_id": request.agent_id,
        "agent_owner": request.agent_owner,
        "operation_type": request.operation.type,
        "resource_type": request.operation.resource_type,
        "resource_id": request.operation.resource_id,
        "parameters": request.operation.parameters,
        "reason": request.reason,
        "context": request.context,
        "declaration": request.declaration,
        "plan": opening.sealed.assessment.plan.model_dump(mode="json"),
        "digest": request.digest,
        "content_digest": request.content_digest,
        **_sealed_columns(opening.sealed),
        "risk_reasons": list(assessment.reasons),
        "rules": [rule.model_dump() for rule in assessment.rules],
        "policy_version": assessment.policy_version,
        "open_to_patterns": assessment.open_to_patterns,
        "decided_by": [],
        "created_at": opening.started_at,
        "run_id": opening.run_id,
        "alerted": alerted,
    }


def _sealed_columns(sealed: Sealed) -> dict[str, Any]:
    assessment = sealed.assessment
    return {
        "verdict": assessment.verdict.value,
        "risk_level": assessment.risk_level.value,
        "required_approvals": assessment.required_approvals,
        "expires_at": assessment.expires_at,
        "seal": sealed.seal.model_dump(),
    }


def _tell_requested(connection: Connection, opening: Opening) -> None:
    request, assessment = opening.request, opening.assessment
    failed = [rule.name for rule in assessment.rules if rule.error is not None]
    append_event(
        connection,
        AuditEvent(
            event_id=event_id(Action.APPROVAL_REQUESTED, request.approval_id),
            at=opening.started_at,
            actor=f"agent:{request.agent_id}",
            action=Action.APPROVAL_REQUESTED,
            approval_id=request.approval_id,
            digest=request.digest,
            details={
                "risk": assessment.level.value,
                "operation": request.operation.type,
                "verdict": assessment.verdict.value,
                "policy_version": assessment.policy_version,
                "rules": [rule.name for rule in assessment.rules],
                **({"failed_rules": failed} if failed else {}),
            },
        ),
    )
