"""Every use case, made from the settings: the one place where the API's parts are put together."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from temporalio.client import Client

from config.assent_file import AssentFile
from config.errors import ConfigurationError
from config.policy_file import PolicyFile
from config.settings import Settings
from config.temporal import connect
from domain.errors import UnavailableError
from domain.signing import SigningKeys
from operations.registry import OperationRegistry, UnusableOperationError
from services.approvals import Approvals
from services.audit_log import AuditLog
from services.cancellations import Cancellations
from services.decisions import Decisions
from services.keys import Keys
from services.patterns import TrustedPatterns
from services.policy import PolicyDesk
from services.readiness import ReadinessChecks
from services.submission_limit import SubmissionLimit
from services.submissions import Submissions
from services.temporal import ApprovalWorkflows
from services.watch import ApprovalWatch
from storage.approval_reads import ApprovalReads
from storage.approvals import ApprovalStore
from storage.backtest_reads import BacktestReads
from storage.database import Database
from storage.keys import KeyStore
from storage.patterns import PatternStore
from storage.workers import WorkerStore

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What the API and the dashboard may ask for."""

    keys: Keys
    approvals: Approvals
    submissions: Submissions
    decisions: Decisions
    cancellations: Cancellations
    policy: PolicyDesk
    patterns: TrustedPatterns
    audit_log: AuditLog
    readiness: ReadinessChecks


def load_assent_file(path: Path) -> tuple[OperationRegistry, PolicyFile]:
    """Read `assent.yaml`, import what it names, and follow its rules from now on. Raises ConfigurationError."""
    read = AssentFile.read(path)
    try:
        operations = OperationRegistry.load(read.operations)
    except UnusableOperationError as error:
        message = f"{path}: {error}"
        raise ConfigurationError(message) from error
    return operations, PolicyFile(path, read, operations.declarations)


def system_clock() -> datetime:
    """Return this machine's time, in UTC."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open everything that the settings name. Raises StartError when that cannot be."""
    operations, policy = load_assent_file(settings.config)
    async with wire_services(settings, await connect("api"), operations, policy) as services:
        yield services


@asynccontextmanager
async def wire_services(
    settings: Settings, client: Client, operations: OperationRegistry, policy: PolicyFile
) -> AsyncIterator[Services]:
    """Open the record and put every use case together; close all of it at the end."""
    database = Database(settings.database_url)
    reads = ApprovalReads(database)
    store = ApprovalStore(database)
    signing_keys = SigningKeys(settings.signing_key_ring())
    workflows = ApprovalWorkflows(client, signing_keys, settings.task_queue)
    watch = ApprovalWatch(database, reads)
    approvals = Approvals(reads, workflows, watch, system_clock, _link_base(settings, client))
    cancellations = Cancellations(
        approvals=approvals,
        reads=reads,
        store=store,
        workflows=workflows,
        watch=watch,
        signing_keys=signing_keys,
        clock=system_clock,
    )
    limit = SubmissionLimit(settings.submissions_per_minute, time.monotonic)
    keys = KeyStore(database)
    patterns = PatternStore(database)
    admin_key = None if settings.admin_key is None else settings.admin_key.get_secret_value()
    services = Services(
        keys=Keys(keys, cancellations, system_clock, admin_key),
        approvals=approvals,
        submissions=Submissions(
            approvals=approvals,
            reads=reads,
            store=store,
            operations=operations,
            workflows=workflows,
            watch=watch,
            limit=limit,
            signing_keys=signing_keys,
            clock=system_clock,
        ),
        decisions=Decisions(
            approvals=approvals,
            reads=reads,
            store=store,
            workflows=workflows,
            watch=watch,
            signing_keys=signing_keys,
            clock=system_clock,
        ),
        cancellations=cancellations,
        policy=PolicyDesk(
            policy=policy, patterns=patterns, keys=keys, operations=operations, limit=limit, clock=system_clock
        ),
        patterns=TrustedPatterns(patterns, keys, BacktestReads(database), operations.declarations, system_clock),
        audit_log=AuditLog(database, approvals, system_clock),
        readiness=ReadinessChecks(database, WorkerStore(database), workflows, system_clock, settings.task_queue),
    )
    watch.start()
    finishing = asyncio.create_task(_finish_revocations(cancellations))
    try:
        yield services
    finally:
        finishing.cancel()
        await asyncio.gather(finishing, return_exceptions=True)
        await asyncio.to_thread(watch.stop)
        database.close()


async def _finish_revocations(cancellations: Cancellations) -> None:
    """Send the cancels that a process which died in the middle of a revocation did not send."""
    try:
        await cancellations.cancel_for_revoked_agents()
    except UnavailableError as error:
        _log.warning("revocations.unfinished", error=error.detail)


def _link_base(settings: Settings, client: Client) -> str | None:
    if settings.temporal_ui_url is None:
        return None
    return f"{settings.temporal_ui_url}/namespaces/{client.namespace}/workflows"
