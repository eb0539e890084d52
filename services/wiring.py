"""Every use case, made from the settings: the one place where the API's parts are put together."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from services.catalog import Catalog
from services.confirmations import Confirmations
from services.decisions import Decisions
from services.insights import Insights
from services.keys import Keys
from services.live import LiveFeed
from services.passwords import Passwords
from services.patterns import TrustedPatterns
from services.pauses import Pauses
from services.people import People
from services.policy import PolicyDesk
from services.queue import Queue
from services.readiness import ReadinessChecks
from services.reviews import Reviews
from services.settlements import Settlements
from services.sign_in import SignIn, SignInLimits
from services.standing import Standings
from services.submission_limit import SubmissionLimit
from services.submissions import Submissions
from services.temporal import ApprovalWorkflows
from services.watch import ApprovalWatch
from storage.appended import Observer
from storage.approval_reads import ApprovalReads
from storage.approvals import ApprovalStore
from storage.backtest_reads import BacktestReads
from storage.database import Database
from storage.insights_reads import InsightsReads
from storage.keys import KeyStore
from storage.patterns import PatternStore
from storage.pauses import PauseStore
from storage.people import PeopleStore
from storage.queue_reads import QueueReads
from storage.sessions import SessionStore
from storage.settlements import SettlementStore
from storage.sign_in_links import SignInLinkStore
from storage.workers import WorkerStore
from telemetry.process import Telemetry

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What the API and the dashboard may ask for."""

    keys: Keys
    people: People
    sign_in: SignIn
    approvals: Approvals
    submissions: Submissions
    decisions: Decisions
    cancellations: Cancellations
    catalog: Catalog
    reviews: Reviews
    policy: PolicyDesk
    patterns: TrustedPatterns
    audit_log: AuditLog
    pauses: Pauses
    settlements: Settlements
    readiness: ReadinessChecks
    queue: Queue
    insights: Insights
    standings: Standings
    live: LiveFeed


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
async def open_services(settings: Settings, telemetry: Telemetry) -> AsyncIterator[Services]:
    """Open everything that the settings name. Raises StartError when that cannot be."""
    operations, policy = load_assent_file(settings.config)
    client = await connect("api", runtime=telemetry.runtime, interceptors=telemetry.interceptors)
    async with wire_services(settings, client, operations, policy, telemetry.observer) as services:
        yield services
    # The web server ends the process by the signal that told it to stop: nothing runs after it.
    await asyncio.to_thread(telemetry.flush)


@asynccontextmanager
async def wire_services(
    settings: Settings,
    client: Client,
    operations: OperationRegistry,
    policy: PolicyFile,
    observer: Observer | None = None,
) -> AsyncIterator[Services]:
    """Open the record and put every use case together; close all of it at the end."""
    database = Database(settings.database_url, observer=observer)
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
    decisions = Decisions(
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
    people, passwords = PeopleStore(database), Passwords()
    patterns = PatternStore(database)
    pause_store = PauseStore(database)
    workers = WorkerStore(database)
    standings = Standings(workers, pause_store, task_queue=settings.task_queue, monotonic=time.monotonic)
    pauses = Pauses(pause_store, system_clock, changed=standings.forget)
    admin_key = None if settings.admin_key is None else settings.admin_key.get_secret_value()
    services = Services(
        keys=Keys(keys, cancellations, system_clock, admin_key),
        people=People(people, passwords, system_clock, cancel_for_revoked=cancellations.cancel_for_revoked_agents),
        sign_in=SignIn(
            people=people,
            sessions=SessionStore(
                database,
                idle=timedelta(hours=settings.session_idle_hours),
                longest=timedelta(hours=settings.session_hours),
            ),
            links=SignInLinkStore(database),
            passwords=passwords,
            limits=SignInLimits(time.monotonic),
            clock=system_clock,
        ),
        approvals=approvals,
        submissions=Submissions(
            approvals=approvals,
            reads=reads,
            store=store,
            operations=operations,
            workflows=workflows,
            watch=watch,
            limit=limit,
            pauses=pauses,
            signing_keys=signing_keys,
            clock=system_clock,
        ),
        decisions=decisions,
        cancellations=cancellations,
        catalog=Catalog(operations),
        reviews=Reviews(approvals, decisions, Confirmations(signing_keys, system_clock)),
        policy=PolicyDesk(
            policy=policy, patterns=patterns, keys=keys, operations=operations, limit=limit, clock=system_clock
        ),
        patterns=TrustedPatterns(patterns, keys, BacktestReads(database), operations.declarations, system_clock),
        audit_log=AuditLog(database, approvals, system_clock),
        pauses=pauses,
        settlements=Settlements(approvals, SettlementStore(database), system_clock),
        readiness=ReadinessChecks(
            database=database,
            workers=workers,
            pauses=pause_store,
            workflows=workflows,
            clock=system_clock,
            task_queue=settings.task_queue,
        ),
        queue=Queue(reads, QueueReads(database), approvals, system_clock),
        insights=Insights(InsightsReads(database), system_clock),
        standings=standings,
        live=LiveFeed(database, watch, standings, system_clock),
    )
    watch.start()
    finishing = asyncio.create_task(_finish_revocations(cancellations))
    try:
        yield services
    finally:
        finishing.cancel()
        await asyncio.gather(finishing, return_exceptions=True)
        await services.live.close()
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
