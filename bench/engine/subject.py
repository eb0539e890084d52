"""One of those that are compared: its processes, its clients, and what a round of it took."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean, median

from temporalio.client import Client

from bench.engine.actions import billed_actions
from bench.engine.driver import Driver
from bench.engine.orders import Order, Report
from bench.engine.rows import rows_written
from bench.engine.usage import Usage, usage
from bench.measure import MILLISECONDS
from domain.frozen import Frozen

CLIENT = "client"
_SAMPLE = 10


class Round(Frozen):
    """What one order took, and what each process used for it."""

    report: Report
    used: dict[str, Usage]

    @property
    def approvals(self) -> int:
        """How many approvals were carried out."""
        return max(len(self.report.executed), len(self.report.submitted))

    @property
    def throughput(self) -> float:
        """Approvals a second."""
        return self.approvals / self.report.seconds

    def cpu_ms(self, process: str) -> float:
        """Return the milliseconds of CPU that one process used for an approval."""
        return self.used[process].cpu * MILLISECONDS / self.approvals


@dataclass
class Subject:
    """What is compared. `processes` are the ids of all but the client's, by what they do.

    `temporal` is where its workflows are, and `postgres_url` a database of its own, where there is one.
    """

    name: str
    driver: Driver
    processes: Mapping[str, int]
    temporal: Client | None = None
    postgres_url: str | None = None
    rounds: list[Round] = field(default_factory=list)
    carried_out: int = 0

    async def run(self, order: Order) -> Round:
        """Carry out an order, and return what it took."""
        before = self._usage()
        report = await self.driver.order(order)
        used = {name: now.since(before[name]) for name, now in self._usage().items()}
        self.carried_out += order.approvals
        return Round(report=report, used=used)

    def ratio(self, other: "Subject") -> float:
        """Return how many times another's throughput it has: the median of the rounds beside each other."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return median(mine.throughput / theirs.throughput for mine, theirs in pairs)

    async def events(self) -> tuple[float, float] | None:
        """Return how many events and billed actions some approvals have, on average; None without Temporal."""
        if self.temporal is None:
            return None
        ids = self.rounds[-1].report.workflow_ids
        chosen = ids[:: max(1, len(ids) // _SAMPLE)]
        histories = [await self.temporal.get_workflow_handle(each).fetch_history() for each in chosen]
        return fmean(len(history.events) for history in histories), fmean(map(billed_actions, histories))

    def rows(self) -> float | None:
        """Return how many rows an approval writes, in all that were carried out; None without a database of its own."""
        return None if self.postgres_url is None else rows_written(self.postgres_url) / self.carried_out

    def _usage(self) -> dict[str, Usage]:
        return {name: usage(pid) for name, pid in {**self.processes, CLIENT: self.driver.pid}.items()}
