"""The worker process: connect, register, run until told to stop."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib.metadata import version

import structlog
import uuid6
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.assessment import Assessment, Rulebook
from activities.execution import EXECUTION_BEAT, Execution
from activities.recording import Recording
from config.errors import NamespaceError, StartError
from config.logging import configure_logging
from config.notify import notify_secrets
from config.policy_file import PolicyFile
from config.settings import Settings, load_settings
from config.temporal import connect, missing_search_attributes
from domain.clock import Clock
from domain.errors import StorageUnavailableError
from domain.policy import Policy
from domain.signing import SigningKeys
from operations.registry import OperationRegistry
from services.alert_receiver import AlertReceiver
from services.alerts import Alerts
from services.filing import keep_filing
from services.open_workflows import OpenWorkflows
from services.reconcile import Reconcile
from services.wiring import load_assent_file, system_clock
from storage.alerts import AlertStore
from storage.approvals import ApprovalStore
from storage.claims import ClaimStore
from storage.database import Database
from storage.filing import Filing
from storage.keys import KeyStore
from storage.patterns import PatternStore
from storage.workers import WorkerStore
from telemetry.process import Telemetry, open_telemetry
from workflows.approval import ApprovalWorkflow

# Records block their thread for the time of a database transaction; operations that are plain functions hold theirs.
RECORDING_THREADS = 16
OPERATION_THREADS = 64

BEAT_EVERY_SECONDS = 4.0

BUILD_ID = f"assent-server-{version('assent-server')}"

_log = structlog.get_logger(__name__)


def create_worker(  # noqa: PLR0913  each is one part of a worker
    client: Client,
    *,
    database: Database,
    operations: OperationRegistry,
    policy: Callable[[], Policy],
    signing_keys: SigningKeys,
    task_queue: str,
    clock: Clock = system_clock,
    sandbox: bool = True,
    shutdown_grace: timedelta = timedelta(seconds=30),
    deployment: WorkerDeploymentConfig | None = None,
    max_cached_workflows: int = 1000,
    alerts: bool = False,
) -> Worker:
    """Return a worker for approvals, not yet running. With `alerts`, it records those that tell of its approvals."""
    approvals = ApprovalStore(database, alerts=alerts)
    rulebook = Rulebook(policy=policy, patterns=PatternStore(database), operations=operations)
    assessment = Assessment(approvals, KeyStore(database), rulebook, signing_keys, clock)
    recording = Recording(approvals, signing_keys)
    execution = Execution(ClaimStore(database, signing_keys), approvals, operations, clock)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[ApprovalWorkflow],
        activities=[
            assessment.assess,
            recording.record_signal,
            recording.record_expiry,
            recording.record_outcome,
            execution.execute,
        ],
        activity_executor=ThreadPoolExecutor(RECORDING_THREADS, thread_name_prefix="record"),
        workflow_runner=SandboxedWorkflowRunner() if sandbox else UnsandboxedWorkflowRunner(),
        max_cached_workflows=max_cached_workflows,
        max_concurrent_local_activities=RECORDING_THREADS,
        graceful_shutdown_timeout=shutdown_grace,
        max_heartbeat_throttle_interval=EXECUTION_BEAT,
        deployment_config=deployment,
        # By itself the SDK reads and hashes every module at each start.
        build_id=None if deployment else BUILD_ID,
    )


async def run(settings: Settings, telemetry: Telemetry) -> None:
    """Run a worker until SIGINT or SIGTERM. Raises StartError when it cannot start."""
    operations, policy = load_assent_file(settings.config)
    signing_keys = SigningKeys(settings.signing_key_ring())
    receiver = _alert_receiver(settings, policy)
    client = await connect("worker", runtime=telemetry.runtime, interceptors=telemetry.interceptors)
    if missing := await missing_search_attributes(client):
        message = f"Temporal lacks the search attributes {', '.join(missing)}: run `assent temporal prepare` once."
        raise NamespaceError(message)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(OPERATION_THREADS))
    database = Database(settings.database_url, pool_size=RECORDING_THREADS, observer=telemetry.observer)
    worker = create_worker(
        client,
        database=database,
        operations=operations,
        policy=policy.current,
        signing_keys=signing_keys,
        task_queue=settings.task_queue,
        sandbox=settings.worker_sandbox,
        shutdown_grace=timedelta(seconds=settings.shutdown_grace_seconds),
        deployment=_deployment(settings),
        alerts=receiver is not None,
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    identity = f"{socket.gethostname()}:{os.getpid()}:{uuid6.uuid7().hex[:8]}"
    reconcile = Reconcile(database, OpenWorkflows(client, settings.task_queue), system_clock)
    duties = [
        _beat(WorkerStore(database), identity, settings.task_queue, policy),
        reconcile.run(identity, settings.task_queue),
        keep_filing(Filing(database)),
    ]
    if receiver is not None:
        alerts = Alerts(
            AlertStore(database),
            receiver,
            clock=system_clock,
            public_url=settings.public_url,
            on_result=telemetry.alerted,
        )
        duties.append(alerts.run())
    try:
        async with _beside(*duties), worker:
            _log.info("worker.running", task_queue=settings.task_queue, operations=sorted(operations.declarations))
            await stop.wait()
    finally:
        database.close()


def main() -> None:
    """Run a worker with the settings of the environment; end the process."""
    try:
        settings = load_settings()
        configure_logging(settings)
        with open_telemetry("worker", settings) as telemetry, asyncio.Runner(loop_factory=_event_loop()) as runner:
            runner.run(run(settings, telemetry))
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(error.exit_code)
    # Temporal's runtime and a hung operation's thread may both keep the interpreter from ending.
    sys.stdout.flush()
    os._exit(0)


@contextlib.asynccontextmanager
async def _beside(*duties: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do what a worker does beside its tasks, for as long as the block runs; each duty mends its own errors."""
    running = [asyncio.create_task(duty) for duty in duties]
    try:
        yield
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _beat(workers: WorkerStore, identity: str, task_queue: str, policy: PolicyFile) -> None:
    """Tell the record that this worker lives, for `/readyz`; a beat that fails is only missed.

    Look at the policy's file as well, so that a mistake in it is logged when it is made, and not with the next request.
    """
    try:
        while True:
            await asyncio.to_thread(policy.current)
            try:
                await asyncio.to_thread(workers.beat, identity, task_queue, now=system_clock())
            except StorageUnavailableError as error:
                _log.warning("worker.beat_missed", error=error.detail)
            await asyncio.sleep(BEAT_EVERY_SECONDS)
    finally:
        with contextlib.suppress(StorageUnavailableError):
            workers.leave(identity)


def _alert_receiver(settings: Settings, policy: PolicyFile) -> AlertReceiver | None:
    """Return whoever the file wants to be told. Raises SettingsError when the secret to sign with is missing."""
    if policy.notify is None:
        return None
    return AlertReceiver(policy.notify, notify_secrets(settings.notify_secret))


def _event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the loop that the API has too: each message of Temporal's core and each thread's end costs it less."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415  where it exists

    return uvloop.new_event_loop


def _deployment(settings: Settings) -> WorkerDeploymentConfig | None:
    if settings.deployment_name is None or settings.build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=settings.deployment_name, build_id=settings.build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


if __name__ == "__main__":
    main()
