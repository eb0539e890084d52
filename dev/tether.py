"""Runs a command so that it ends when the process that wanted it is gone, however that one died.

Run as a script: `tether.py MODE PARENT USER COMMAND…`. USER is whom root becomes first, or nothing. MODE `kernel` asks
Linux to kill the command once process PARENT is dead, and becomes the command. `pipe` works everywhere: it stays, and
kills the command once its standard input is closed. It imports nothing of ours, so it starts in a few milliseconds.
"""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading

KERNEL, PIPE = "kernel", "pipe"
MODE_HERE = KERNEL if sys.platform == "linux" else PIPE
CANNOT_RUN = 2
_PR_SET_PDEATHSIG = 1


def become(command: list[str], parent: int) -> None:
    """Turn into `command`, which the kernel kills when `parent` dies. Returns only when that is not possible."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the kernel was asked.
    if os.getppid() == parent:
        os.execvp(command[0], command)  # noqa: S606  no shell is the point


def become_user(name: str) -> None:
    """Turn from root into the user `name`, for good."""
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def stay(command: list[str]) -> int:
    """Run `command` until it ends or standard input is closed; return its exit code."""
    child: subprocess.Popen[bytes] | None = None

    def _pass_on(number: int, _frame: object) -> None:
        if child is not None:
            child.send_signal(number)

    signal.signal(signal.SIGTERM, _pass_on)
    signal.signal(signal.SIGINT, _pass_on)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603  our own command
    threading.Thread(target=_kill_all_at_end_of_input, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def _kill_all_at_end_of_input() -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 1):
            pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Run as the module says; return the exit code."""
    mode, parent, user, *command = arguments
    try:
        if user:
            # First, since the kernel forgets what it was asked by a process that becomes another user.
            become_user(user)
        if mode == PIPE:
            return stay(command)
        become(command, int(parent))
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error.strerror}.\n")
    return CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
