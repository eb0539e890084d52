"""The worker behind the API in these tests."""

from temporalio.worker import Worker

from tests.support.stack import Stack


def production_worker(stack: Stack) -> Worker:
    """Return a worker as production runs it, not running yet: without the sandbox, and with a cache.

    It is twice as fast, and the workflow's own tests are where each task replays in the sandbox.
    """
    return stack.worker(sandbox=False, max_cached_workflows=1000)
