"""Some weeks of decided requests, written to the record as a worker writes them, with the clock of that time."""

import dataclasses
import heapq
import itertools
import json
import random
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from temporalio.testing import ActivityEnvironment

from activities.assessment import Assessment, Rulebook
from assent.models import ApprovalStatus, Outcome, RiskLevel
from docs.screenshots.past import Asked, delay, requests
from docs.screenshots.team import OWNERS, PEOPLE, patterns, suspended
from domain.approval import ApprovalState, ExecutionOutcome, workflow_id_of
from domain.ballot import Cancel, Decision
from domain.canonical import sha256_hex
from domain.messages import Assess
from domain.operation import ApprovalRequest, content_digest, operation_digest
from storage.claims import ClaimStore
from storage.keys import KeyStore
from storage.patterns import PatternStore
from tests.support.stack import Stack

_TO_DECIDE = {
    RiskLevel.LOW: timedelta(minutes=34),
    RiskLevel.MEDIUM: timedelta(minutes=21),
    RiskLevel.HIGH: timedelta(minutes=13),
    RiskLevel.CRITICAL: timedelta(minutes=7),
}
_WHY_NOT = (
    "Not without a ticket.",
    "The order is still open. Ask again once it is closed.",
    "Fewer will do: take a sample.",
    "The customer has not confirmed it yet.",
)
_FAILING = 0.03
_RAN_FOR = timedelta(milliseconds=180)
_CLOSED_BEFORE = timedelta(minutes=4)
_REJECTED_AGO = timedelta(minutes=2)

_OUTCOMES = ("approve", "reject", "expire", "cancel")
_WEIGHTS = (86, 9, 3, 2)


class History:
    """Plays the past: what follows later is done later, so that the log is in order."""

    def __init__(self, stack: Stack, now: datetime) -> None:
        """Take the stack, with its team, and the moment at which the past ends."""
        self._stack = stack
        self._end = now
        self._now = now
        self._chance = random.Random(4)  # noqa: S311  the same past in every run
        self._steps: list[tuple[datetime, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._claims = ClaimStore(stack.database, stack.signing_keys)
        patterns_kept = PatternStore(stack.database)
        rulebook = Rulebook(policy=stack.policy.current, patterns=patterns_kept, operations=stack.operations)
        self._assessment = Assessment(
            stack.store, KeyStore(stack.database), rulebook, stack.signing_keys, lambda: self._now
        )
        made = patterns(now)
        for pattern in made:
            self._at(pattern.created_at, partial(patterns_kept.add, pattern))
        last = suspended(made[-1])
        self._at(last.changed_at, lambda: patterns_kept.change(last.id, suspended))

    def play(self, rejected: Asked) -> None:
        """Write all of it. `rejected` is one that was asked for and rejected a short time before the end."""
        for asked in requests(self._end, self._chance):
            outcome = self._chance.choices(_OUTCOMES, _WEIGHTS)[0]
            self._at(self._end - asked.ago, partial(self._open, asked, outcome))
        self._at(self._end - rejected.ago, partial(self._open, rejected, "reject", rejected.ago - _REJECTED_AGO))
        while self._steps:
            self._now, _, step = heapq.heappop(self._steps)
            step()

    def _at(self, moment: datetime, step: Callable[[], object]) -> None:
        heapq.heappush(self._steps, (moment, next(self._numbers), step))

    def _open(self, asked: Asked, outcome: str, after: timedelta | None = None) -> None:
        request = self._request(asked)
        environment = ActivityEnvironment()
        workflow_id = workflow_id_of(request.approval_id)
        environment.info = dataclasses.replace(environment.info, workflow_id=workflow_id)
        command = Assess(
            approval_id=request.approval_id,
            run_id=str(self._uuid()),
            started_at=self._now,
            request=request.model_dump_json(),
        )
        state = environment.run(self._assessment.assess, command)
        if state is None:
            message = f"The request of {request.agent_id} was not signed by this stack."
            raise RuntimeError(message)
        if state.status is ApprovalStatus.APPROVED:
            self._at(self._now + _RAN_FOR, partial(self._run, request))
        elif outcome == "expire" and state.expires_at < self._end:
            self._at(state.expires_at, partial(self._expire, request))
        else:
            latest = min(self._end - _CLOSED_BEFORE, state.expires_at) - self._now
            took = after or min(delay(self._chance, _TO_DECIDE[state.risk_level]), latest * 0.9)
            self._at(self._now + took, partial(self._decide, request, state, outcome))

    def _request(self, asked: Asked) -> ApprovalRequest:
        approval_id = str(self._uuid())
        operation, declaration = self._stack.operations.checked(asked.operation)
        request = ApprovalRequest(
            approval_id=approval_id,
            agent_id=asked.agent,
            agent_owner=OWNERS[asked.agent],
            operation=operation,
            reason=asked.reason,
            context=asked.context,
            declaration=declaration.identity,
            digest=operation_digest(approval_id, asked.agent, operation, declaration.identity),
            content_digest=content_digest(operation, asked.reason, asked.context),
            idempotency_key=None,
            submitted_at=self._now,
        )
        return request.model_copy(update={"signature": self._stack.signing_keys.sign(request.signed_fields())})

    def _decide(self, request: ApprovalRequest, state: ApprovalState, outcome: str) -> None:
        if outcome == "cancel":
            self._cancel(request)
            return
        rejects = outcome == "reject"
        voters = [name for name in PEOPLE if name != request.agent_owner]
        self._chance.shuffle(voters)
        for reviewer in voters[: 1 if rejects else state.required_approvals]:
            comment = self._chance.choice(_WHY_NOT) if rejects else ""
            state = self._vote(request, reviewer, Outcome.REJECT if rejects else Outcome.APPROVE, comment)
        if state.status is ApprovalStatus.APPROVED:
            self._at(self._now + _RAN_FOR, partial(self._run, request))

    def _vote(self, request: ApprovalRequest, reviewer: str, outcome: Outcome, comment: str) -> ApprovalState:
        decision = Decision(
            decision_id=str(self._uuid()),
            approval_id=request.approval_id,
            reviewer=reviewer,
            owner=None,
            role=PEOPLE[reviewer],
            outcome=outcome,
            comment=comment,
            digest=request.digest,
            decided_at=self._now,
        )
        signature = self._stack.signing_keys.sign(decision.signed_fields())
        return self._stack.store.decide(decision.model_copy(update={"signature": signature}), at=self._now)

    def _cancel(self, request: ApprovalRequest) -> None:
        cancel = Cancel(
            cancel_id=str(self._uuid()),
            approval_id=request.approval_id,
            actor=f"agent:{request.agent_id}",
            reason="No longer needed.",
            requested_at=self._now,
        )
        self._stack.store.cancel(cancel, at=self._now)

    def _expire(self, request: ApprovalRequest) -> None:
        self._stack.store.expire(request.approval_id, at=self._now)

    def _run(self, request: ApprovalRequest) -> None:
        self._claims.claim(request.approval_id, at=self._now, refusal=lambda _: None)
        result = json.dumps({"done": request.operation.resource_id or True})
        worked = ExecutionOutcome(
            result=result, result_digest=sha256_hex(result.encode()), result_bytes=len(result.encode())
        )
        failed = ExecutionOutcome(error="The payment provider did not answer.")
        pays = request.operation.type == "payment.refund"
        outcome = failed if pays and self._chance.random() < _FAILING else worked
        self._at(self._now + _RAN_FOR, partial(self._finish, request, outcome))

    def _finish(self, request: ApprovalRequest, outcome: ExecutionOutcome) -> None:
        self._stack.store.finish(request.approval_id, outcome, at=self._now)

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self._chance.getrandbits(128), version=4)
