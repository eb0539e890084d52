"""What processes use: CPU and memory."""

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
    # The process itself comes last: what a child used that ends meanwhile is counted there.
    children = [found for child in root.children(recursive=True) if (found := _of_child(child)) is not None]
    return Usage(
        cpu=sum(child.cpu for child in children) + _cpu(root),
        memory=sum(child.memory for child in children) + _memory(root, shares=bool(children)),
    )


def _of_child(process: psutil.Process) -> Usage | None:
    """Return what a living child has used; None for one that has ended, as PostgreSQL's do when their work is done."""
    try:
        return Usage(cpu=_cpu(process), memory=_memory(process, shares=True))
    except psutil.NoSuchProcess:
        return None


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    # Those of children that have ended are in here; those of living ones are not.
    return float(used.user + used.system + used.children_user + used.children_system)


def _memory(process: psutil.Process, *, shares: bool) -> int:
    # Several processes share pages, which would count many times: each gets its share of them.
    return int(process.memory_full_info().pss if shares else process.memory_info().rss)
