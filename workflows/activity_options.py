"""Every timeout and retry, with its reason."""

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig, LocalActivityConfig

from domain.operation import ExecutionPlan

# Cheap while the database is well; four quick tries, then the durable form takes over. `maximum_attempts` bounds
# local retries (`schedule_to_close_timeout` does not), and the whole must stay well under a workflow task's time.
_RECORD = LocalActivityConfig(
    start_to_close_timeout=timedelta(seconds=2),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=50),
        backoff_coefficient=2.0,
        maximum_attempts=4,
    ),
)

# A database may be down for hours; a record must never be given up.
_RECORD_DURABLY = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=1.5,
        maximum_interval=timedelta(seconds=10),
        maximum_attempts=0,
    ),
)


def record(summary: str) -> LocalActivityConfig:
    """Return how a record is first tried; `summary` is what Temporal's UI calls it."""
    return LocalActivityConfig(summary=summary, **_RECORD)


def record_durably(summary: str) -> ActivityConfig:
    """Return how a record is tried until it is written."""
    return ActivityConfig(summary=summary, **_RECORD_DURABLY)


# A worker that dies in the middle of an operation is noticed within this time.
EXECUTION_HEARTBEAT = timedelta(seconds=10)

# The activity enforces `run_timeout` itself; beyond it, this is for the claim and the answer.
EXECUTION_MARGIN = timedelta(seconds=15)

# A decision made just before the deadline may still be on its way when the timer fires.
CLOSING_GRACE = timedelta(seconds=1)

# An operation that may run longer than this shows as `approved` among the search attributes while it runs.
LONG_RUN = timedelta(minutes=1)


def execution_options(plan: ExecutionPlan, summary: str) -> ActivityConfig:
    """Return how the execution activity is tried: until it can say how the operation ended.

    The activity may be tried for ever because the operation is not: the claim row, written before the side effect, lets
    an operation start once (or, declared idempotent, a few times), and a later try only finds out that it has started.
    """
    return ActivityConfig(
        summary=summary,
        start_to_close_timeout=plan.run_timeout + EXECUTION_MARGIN,
        heartbeat_timeout=EXECUTION_HEARTBEAT,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            backoff_coefficient=2.0,
            maximum_interval=timedelta(seconds=10),
            maximum_attempts=0,
        ),
    )
