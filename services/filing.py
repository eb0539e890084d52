"""Filing what has ended for searches: what a worker does about it beside its tasks."""

import asyncio

import structlog

from domain.errors import StorageUnavailableError
from storage.filing import Filing

# What waits to be filed is found as well; a search reads all of it, so there should not be much.
EVERY_SECONDS = 15.0

# Short enough for whoever waits to write: measured, up to 0.4 ms each on PostgreSQL and 0.05 ms on SQLite.
AT_ONCE = 500

_log = structlog.get_logger(__name__)


async def keep_filing(filing: Filing, *, every_seconds: float = EVERY_SECONDS) -> None:
    """File until cancelled. What goes wrong is logged, and tried again; any number of workers share the work."""
    while True:
        filed = 0
        try:
            filed = await asyncio.to_thread(filing.file_ended, AT_ONCE)
        except StorageUnavailableError as error:
            _log.warning("filing.held_up", error=error.detail)
        except Exception:  # noqa: BLE001  whatever it was: without this duty searches become slow
            _log.exception("filing.broke")
        # With more to file, others may write in between.
        await asyncio.sleep(every_seconds if filed < AT_ONCE else every_seconds / 100)
