"""The policy in force: `assent.yaml` as it now is, or, when that cannot be used, as it last could."""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import structlog

from config.assent_file import AssentFile
from config.errors import ConfigurationError
from config.notify import Notify
from domain.operation import OperationDeclaration
from domain.policy import Policy

SETTLED_SECONDS = 0.2
"""A file that was written to less than this ago may be only half written, and half of the rules look whole."""

_log = structlog.get_logger(__name__)


class _Stamp(NamedTuple):
    """What changes whenever a file does."""

    inode: int
    size: int
    changed_ns: int


_NEVER_SEEN = _Stamp(inode=-1, size=-1, changed_ns=-1)


class PolicyFile:
    """Follows the rules and timeouts of a file. Operations and `notify` stay those that this process has loaded."""

    def __init__(self, path: Path, read: AssentFile, declarations: Mapping[str, OperationDeclaration]) -> None:
        """Take the file, what was read of it at the start, and the operations that run."""
        self._path = path
        self._operations = read.operations
        self._notify = read.notify
        self._declarations = declarations
        self._policy = read.policy(declarations)
        self._problem: str | None = None
        self._lock = threading.Lock()
        # Not the stamp of now: a change between the reading and this line would never be seen.
        self._seen: _Stamp | None = _NEVER_SEEN
        self._unsettled: tuple[_Stamp | None, float] = (None, 0.0)

    @property
    def notify(self) -> Notify | None:
        """Where alerts go, as the file said when this process started."""
        return self._notify

    @property
    def problem(self) -> str | None:
        """Why the file as it now is was refused, or None."""
        return self._problem

    def current(self) -> Policy:
        """Return the policy in force, read again when the file has changed. Never raises: the last one stays."""
        with self._lock:
            stamp = self._stamp()
            if stamp != self._seen and self._is_settled(stamp):
                self._seen = stamp
                self._reload()
            return self._policy

    def _stamp(self) -> _Stamp | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return _Stamp(status.st_ino, status.st_size, status.st_mtime_ns)

    def _is_settled(self, stamp: _Stamp | None) -> bool:
        if stamp is not None and time.time() - stamp.changed_ns / 1e9 > SETTLED_SECONDS:
            return True
        # A file from the future, or none at all, has to stay so for a while.
        noticed, at = self._unsettled
        if noticed != stamp:
            self._unsettled = (stamp, time.monotonic())
            return False
        return time.monotonic() - at > SETTLED_SECONDS

    def _reload(self) -> None:
        try:
            read = AssentFile.read(self._path)
        except ConfigurationError as error:
            self._problem = str(error)
            _log.error("policy.refused", problem=self._problem, in_force=self._policy.version)
            return
        self._problem = None
        policy = read.policy(self._declarations)
        if policy.version != self._policy.version:
            _log.info("policy.changed", version=policy.version, before=self._policy.version)
        if read.operations != self._operations:
            _log.warning("policy.operations_changed", path=os.fspath(self._path), detail="Restart to load them.")
        if read.notify != self._notify:
            _log.warning("policy.notify_changed", path=os.fspath(self._path), detail="Restart the workers to use it.")
        self._policy = policy
