"""What a log line must not repeat: an exception's message may quote what an operation was given, or what it said.

At the level `debug` everything is written, since whoever asks for that is looking for it.
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from structlog.typing import EventDict, WrappedLogger
from typing_extensions import override

from domain.approval import approval_id_of

_TEMPORAL = "temporalio."

# Temporal's SDK writes an exception's message into these lines themselves.
_QUOTING = ("Completing as failure during heartbeat", "Exception handling failed")

_TOLD_OF_ACTIVITIES = {"activity_type": "activity", "attempt": "attempt", "workflow_run_id": "run_id"}
_TOLD_OF_CORE = ("run_id", "error")

# What Temporal answers to a call says why it is away, and nothing of an operation. Other errors are anybody's.
_CALLS = "gRPC call"


def without_messages(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write an exception as its types and where it came from."""
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = "".join(_told(error, seen=set())).rstrip("\n")
    return event


def about_approvals(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the approval in what Temporal's SDK says, and leave out what it quotes."""
    record: logging.LogRecord | None = event.get("_record")
    if record is None:
        return event
    if record.name == "asyncio":
        # What follows is the representation of a task, with its exception's message.
        event["event"] = str(event["event"]).partition("\n")[0]
    elif record.name.startswith(_TEMPORAL):
        for quoting in _QUOTING:
            if str(event["event"]).startswith(quoting):
                event["event"] = quoting
        event.update(_of_temporal(record))
    return event


class WithoutQuery(logging.Filter):
    """Leaves query strings, which hold what somebody looks for, out of the web server's line for a request."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Let the line pass, shortened."""
        if isinstance(record.args, tuple):
            record.args = tuple(_path(each) if isinstance(each, str) else each for each in record.args)
        return True


def _path(text: str) -> str:
    return text.partition("?")[0]


def _of_temporal(record: logging.LogRecord) -> dict[str, Any]:
    activity: dict[str, Any] | None = getattr(record, "temporal_activity", None)
    if activity is not None:
        told = {name: activity[key] for key, name in _TOLD_OF_ACTIVITIES.items() if key in activity}
        return _approval(activity.get("workflow_id")) | told
    fields: dict[str, Any] = getattr(getattr(record, "temporal_log", None), "fields", {})
    told = {name: fields[name] for name in _TOLD_OF_CORE if name in fields}
    if not record.getMessage().startswith(_CALLS):
        told.pop("error", None)
    return _approval(fields.get("workflow_id")) | told


def _approval(workflow_id: object) -> dict[str, Any]:
    approval_id = approval_id_of(workflow_id) if isinstance(workflow_id, str) else None
    return {} if approval_id is None else {"approval_id": approval_id}


def _exception(info: object) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return info[1] if isinstance(info[1], BaseException) else None
    return sys.exception() if info else None


def _told(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Yield a traceback's lines, the causes first, as Python does."""
    seen.add(id(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and id(cause) not in seen:
        yield from _told(cause, seen)
        yield "\nThat led to:\n\n"
    yield from _frames(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}\n"
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            if id(each) not in seen:
                yield "\nIn that group:\n\n"
                yield from _told(each, seen)


def _frames(trace: TracebackType | None) -> list[str]:
    return traceback.format_list(traceback.extract_tb(trace))
