"""The log of a process: everything on standard error, for people or as one JSON object a line.

Temporal's client and the web server log through the standard library; structlog formats their lines and ours alike.
Below `debug`, no line holds what an agent or a person wrote: `config/log_content.py`.
"""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from temporalio import activity, workflow

from config.log_content import WithoutQuery, about_approvals, without_messages
from config.printable import printable
from config.settings import Settings

# These report each step of ordinary work at `info`.
_CHATTY = ("httpx2", "httpcore2", "alembic.runtime.plugins")


def configure_logging(settings: Settings, *, stream: TextIO | None = None) -> None:
    """Send this process's log to `stream`, standard error by default, as the settings say. Replaces an earlier call."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    target = stream or sys.stderr
    rendered = _as_json() if settings.log_format == "json" else _for_people(colors=target.isatty())
    if settings.log_level != "debug":
        rendered = [without_messages, *rendered]
    lines = logging.StreamHandler(target)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[about_approvals, structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(settings.log_level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # As parts of the line, and not of its text.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False
    requests = logging.getLogger("uvicorn.access")
    requests.filters[:] = [WithoutQuery()]


def _as_json() -> list[Processor]:
    # Tracebacks as text: the structured form would carry local variables, and so secrets.
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _for_people(*, colors: bool) -> list[Processor]:
    plain = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    return [_one_line_each, plain]


def _one_line_each(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write control characters out: a value may be an agent's words."""
    return {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}
