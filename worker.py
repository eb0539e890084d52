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
from config.policy_file import PolicyFile
from config.settings import Settings, load_settings
from config.temporal import connect, missing_search_attributes
from domain.clock import Clock
from domain.errors import StorageUnavailableError
from domain.policy import Policy
from domain.signing import SigningKeys
from operations.registry import OperationRegistry
from services.wiring import load_assent_file, system_clock
from storage.approvals import ApprovalStore
from storage.claims import ClaimStore
from storage.database import Database
from storage.keys import KeyStore
from storage.patterns import PatternStore
from storage.workers import WorkerStore
from workflows.approval import ApprovalWorkflow

# Records block their thread for the time of a database transaction; operations that are plain functions hold theirs.
RECORDING_THREADS = 16
OPERATION_THREADS = 64

BEAT_EVERY_SECONDS = 4.0

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
) -> Worker:
    """Return a worker for approvals, not yet running."""
    approvals = ApprovalStore(database)
    rulebook = Rulebook(policy=policy, patterns=PatternStore(database), operations=operations)
    assessment = Assessment(approvals, KeyStore(database), rulebook, signing_keys, clock)
    recording = Recording(approvals, signing_keys)
    execution = Execution(ClaimStore(database, signing_keys), operations, clock)
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
    )


async def run(settings: Settings) -> None:
    """Run a worker until SIGINT or SIGTERM. Raises StartError when it cannot start."""
    operations, policy = load_assent_file(settings.config)
    signing_keys = SigningKeys(settings.signing_key_ring())
    client = await connect("worker")
    if missing := await missing_search_attributes(client):
        message = f"Temporal lacks the search attributes {', '.join(missing)}: run `assent temporal prepare` once."
        raise NamespaceError(message)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(OPERATION_THREADS))
    database = Database(settings.database_url, pool_size=RECORDING_THREADS)
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
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    duties = [_beat(WorkerStore(database), settings.task_queue, policy)]
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
        asyncio.run(run(settings))
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


async def _beat(workers: WorkerStore, task_queue: str, policy: PolicyFile) -> None:
    """Tell the record that this worker lives, for `/readyz`; a beat that fails is only missed.

    Look at the policy's file as well, so that a mistake in it is logged when it is made, and not with the next request.
    """
    identity = f"{socket.gethostname()}:{os.getpid()}:{uuid6.uuid7().hex[:8]}"
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
