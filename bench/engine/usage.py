"""What processes use: CPU and memory."""

from collections.abc import Iterator

import psutil

from domain.frozen import Frozen


class Usage(Frozen):
    """What a process and its children have used so far: seconds of CPU. `memory` is what they hold, in bytes."""

    cpu: float
    memory: int

    def since(self, before: "Usage") -> "Usage":
        """Return what was used since; the memory is as it is now."""
        return Usage(cpu=self.cpu - before.cpu, memory=self.memory)


def usage(pid: int) -> Usage:
    """Return what a process and its children have used."""
    root = psutil.Process(pid)
    each = [root, *root.children(recursive=True)]
    return Usage(
        cpu=sum(seconds for one in each for seconds in _cpu(one)),
        # Several processes share pages, which would count many times: each gets its share of them.
        memory=root.memory_info().rss if len(each) == 1 else sum(one.memory_full_info().pss for one in each),
    )


def _cpu(process: psutil.Process) -> Iterator[float]:
    used = process.cpu_times()
    # Those of children that have ended are in here; those of living ones are not.
    yield from (used.user, used.system, used.children_user, used.children_system)
