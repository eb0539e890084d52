"""Approvals without the API: signed requests and decisions sent straight to the workflow, at any time one likes."""

import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from assent.models import Approval, NewKey, Operation, Outcome, RiskLevel, Role
from assent.policy_models import NewTrustedPattern
from config.assent_file import AssentFile
from domain.approval import ApprovalState, workflow_id_of
from domain.ballot import Cancel, Decision
from domain.operation import ApprovalRequest, content_digest, operation_digest
from domain.pattern_changes import new_pattern
from domain.patterns import TrustedPattern
from domain.principal import Operator
from domain.signing import SigningKeys
from operations.registry import OperationRegistry
from services.keys import make_key
from services.wiring import system_clock
from storage.approval_reads import ApprovalReads
from storage.database import Database
from storage.keys import KeyStore
from storage.patterns import PatternStore
from tests.support.stack import OPERATIONS
from worker import create_worker
from workflows.approval import ApprovalWorkflow

Handle = WorkflowHandle[ApprovalWorkflow, ApprovalState]


@dataclass
class Desk:
    """A Temporal client, a database and the signing keys: all that a forger lacks."""

    client: Client
    database: Database
    signing_keys: SigningKeys = field(default_factory=lambda: SigningKeys({"desk": b"d" * 32}))
    file: AssentFile = field(default_factory=lambda: AssentFile.read(OPERATIONS))
    operations: OperationRegistry = field(init=False)
    task_queue: str = field(default_factory=lambda: f"desk-{uuid.uuid4()}")
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.operations = OperationRegistry.load(self.file.operations)

    def add_keys(self) -> None:
        """Make the keys of an agent and of three reviewers."""
        names = (("agent", Role.AGENT), ("ada", Role.REVIEWER), ("bob", Role.REVIEWER), ("cleo", Role.REVIEWER))
        for name, role in names:
            wanted = NewKey(name=name, role=role)
            make_key(KeyStore(self.database), wanted, created_by="system:test", clock=system_clock)

    def worker(self, **options: Any) -> Worker:  # noqa: ANN401  passed on
        """Return a worker that is not running yet: sandboxed and with hardly a cache, so that tasks replay."""
        # Not 0: the SDK then evicts an approval whose local activity is still running, and its task is tried again.
        options.setdefault("max_cached_workflows", 1)
        operations: OperationRegistry = options.pop("operations", self.operations)
        policy = self.file.policy(operations.declarations)
        return create_worker(
            self.client,
            database=options.pop("database", self.database),
            operations=operations,
            policy=options.pop("policy", lambda: policy),
            signing_keys=self.signing_keys,
            task_queue=self.task_queue,
            shutdown_grace=timedelta(0),
            **options,
        )

    def trust(self, operation_type: str, **fields: Any) -> TrustedPattern:  # noqa: ANN401  any field's value
        """Make a pattern that lets this operation of the agent through."""
        wanted = NewTrustedPattern(
            agent_id="agent",
            operation_type=operation_type,
            resource_type="note",
            **{"max_risk": RiskLevel.HIGH, "broad": True, **fields},
        )
        pattern = new_pattern(wanted, pattern_id=str(uuid.uuid4()), by=Operator(), now=datetime.now(UTC))
        PatternStore(self.database).add(pattern)
        return pattern

    def request(self, operation_type: str = "note.low", parameters: dict[str, Any] | None = None) -> ApprovalRequest:
        """Return a signed request, as the API makes it."""
        approval_id = str(uuid.uuid4())
        asked = Operation(type=operation_type, resource_type="note", resource_id="7", parameters=parameters or {})
        operation, declaration = self.operations.checked(asked)
        request = ApprovalRequest(
            approval_id=approval_id,
            agent_id="agent",
            agent_owner=None,
            operation=operation,
            reason="a test asks",
            context={},
            declaration=declaration.identity,
            digest=operation_digest(approval_id, "agent", operation, declaration.identity),
            content_digest=content_digest(asked, "a test asks", {}),
            idempotency_key=None,
            submitted_at=datetime.now(UTC),
        )
        return request.model_copy(update={"signature": self.signing_keys.sign(request.signed_fields())})

    async def start(self, request: ApprovalRequest) -> Handle:
        """Start the workflow of a request."""
        return await self.client.start_workflow(
            ApprovalWorkflow.run, request, id=workflow_id_of(request.approval_id), task_queue=self.task_queue
        )

    def decision(
        self,
        request: ApprovalRequest,
        *,
        at: datetime,
        reviewer: str = "ada",
        outcome: Outcome = Outcome.APPROVE,
    ) -> Decision:
        """Return a decision that was signed at any time one likes."""
        decision = Decision(
            decision_id=f"00000000-0000-4000-8000-{next(self.numbers):012d}",
            approval_id=request.approval_id,
            reviewer=reviewer,
            owner=None,
            role=Role.REVIEWER,
            outcome=outcome,
            comment="said a test",
            digest=request.digest,
            decided_at=at,
        )
        signature = self.signing_keys.sign(decision.signed_fields())
        return decision.model_copy(update={"signature": signature})

    def cancel(self, request: ApprovalRequest, *, at: datetime) -> Cancel:
        """Return a signed cancel."""
        cancel = Cancel(
            cancel_id=str(uuid.uuid4()),
            approval_id=request.approval_id,
            actor="agent:agent",
            reason="no longer needed",
            requested_at=at,
        )
        return cancel.model_copy(update={"signature": self.signing_keys.sign(cancel.signed_fields())})

    @property
    def reads(self) -> ApprovalReads:
        """The record, read directly."""
        return ApprovalReads(self.database)

    def approval(self, request: ApprovalRequest) -> Approval | None:
        """Return what the record says of a request."""
        return self.reads.get(request.approval_id, now=system_clock())


@asynccontextmanager
async def open_desk(client: Client, database_url: str) -> AsyncIterator[Desk]:
    """Open a desk; no worker runs yet."""
    database = Database(database_url, pool_size=16)
    try:
        desk = Desk(client, database)
        desk.add_keys()
        yield desk
    finally:
        database.close()


def brief_operations(desk: Desk, *, seconds: float) -> OperationRegistry:
    """Return the operations, of which `note.brief` has less time than `assent.yaml` may give: a minute is long here."""
    operations = {name: desk.operations.find(name) for name in desk.operations.declarations}
    declared = {name: operation for name, operation in operations.items() if operation is not None}
    brief = declared["note.brief"]
    declaration = brief.declaration.model_copy(update={"timeout": timedelta(seconds=seconds)})
    return OperationRegistry(declared | {"note.brief": brief.model_copy(update={"declaration": declaration})})
