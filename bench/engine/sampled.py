"""Runs one of Assent's programs, and notes where it spends its CPU: `python -m bench.engine.sampled FILE MODULE ...`.

A thread looks at all the others, several hundred times a second: what CPU each has used since the last look, by the
kernel's own account, is put down to the Python code that it is in. Threads without Python code are Temporal's core.
The program itself knows nothing of it.
"""

import json
import os
import runpy
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

EVERY_SECONDS = 0.003
WRITE_SECONDS = 1.0
NATIVE = "native"
"""What stands in the place of a thread's frames where they are not Python's."""

IDLE = "idle"
"""What stands there when the thread has gone to sleep since: it was in other code that is not known."""

# A short one lets the look happen where the code is, and not where it happens to let other threads run.
_SWITCH_SECONDS = 0.0001
_TASKS = Path("/proc/self/task")
_LOOK_FOR_THREADS_EVERY = 50
_ASLEEP = b"SD"
_WAITING_IN = frozenset({"select", "wait", "_worker", "run", "run_forever", "get", "run_until_complete"})


class Sampler:
    """Collects nanoseconds of CPU by thread and stack, and writes them to a file every second."""

    def __init__(self, file: Path) -> None:
        """Take the file to write."""
        self._file = file
        self._stacks: Counter[str] = Counter()
        self._clocks: dict[int, tuple[int, int]] = {}
        self._used: dict[int, int] = {}

    def run(self) -> None:
        """Look, until the process ends."""
        looks = 0
        written_at = time.monotonic()
        while True:
            if looks % _LOOK_FOR_THREADS_EVERY == 0:
                self._find_threads()
            looks += 1
            self._look()
            if time.monotonic() - written_at > WRITE_SECONDS:
                self._write()
                written_at = time.monotonic()
            time.sleep(EVERY_SECONDS)

    def _find_threads(self) -> None:
        own = threading.get_native_id()
        for task in _TASKS.iterdir():
            number = int(task.name)
            if number not in self._clocks and number != own:
                try:
                    self._clocks[number] = (
                        os.open(task / "schedstat", os.O_RDONLY),
                        os.open(task / "stat", os.O_RDONLY),
                    )
                except FileNotFoundError:
                    continue

    def _look(self) -> None:
        frames = sys._current_frames()  # noqa: SLF001  documented, for debuggers
        known = {thread.native_id: thread for thread in threading.enumerate()}
        for number, (clock, _) in list(self._clocks.items()):
            try:
                used = int(os.pread(clock, 64, 0).split(maxsplit=1)[0])
            except ProcessLookupError:
                for descriptor in self._clocks.pop(number):
                    os.close(descriptor)
                self._used.pop(number, None)
                continue
            more = used - self._used.get(number, used)
            self._used[number] = used
            if more:
                thread = known.get(number)
                frame = None if thread is None or thread.ident is None else frames.get(thread.ident)
                self._stacks[self._stack(number, thread, frame)] += more

    def _stack(self, number: int, thread: threading.Thread | None, frame: FrameType | None) -> str:
        if thread is None or frame is None:
            return NATIVE
        name = thread.name.rstrip("0123456789").rstrip("_-")
        if frame.f_code.co_name in _WAITING_IN and self._sleeps(number):
            return f"{name};{IDLE}"
        return ";".join([name, *reversed(list(_frames(frame)))])

    def _sleeps(self, number: int) -> bool:
        try:
            return os.pread(self._clocks[number][1], 256, 0).rpartition(b") ")[2][:1] in _ASLEEP
        except ProcessLookupError:
            return True

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self._stacks), encoding="utf-8")
        new.replace(self._file)


def _frames(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield f"{_brief(frame.f_code.co_filename)}:{frame.f_code.co_qualname}"
        frame = frame.f_back


def _brief(path: str) -> str:
    """Return a source's path from the packages, from the standard library, or from here."""
    for folder in ("/site-packages/", f"/python{sys.version_info.major}.{sys.version_info.minor}/"):
        if folder in path:
            return path.rpartition(folder)[2]
    return path.removeprefix(f"{Path.cwd()}/")


if __name__ == "__main__":
    sys.setswitchinterval(_SWITCH_SECONDS)
    threading.Thread(target=Sampler(Path(sys.argv[1])).run, name="sampler", daemon=True).start()
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
