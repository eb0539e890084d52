"""What the rounds of one subject come to: medians, since single rounds are disturbed by whatever else runs."""

from collections.abc import Callable, Sequence
from statistics import median

from bench.engine.orders import Taken
from bench.engine.subject import CLIENT, Round, Subject
from bench.engine.subjects import API, WORKER
from bench.measure import percentile
from domain.frozen import Frozen

_MB = 1_000_000


class Summary(Frozen):
    """One subject. Throughputs are approvals a second: the median, the lowest and the highest round.

    Times are milliseconds, over the approvals of all rounds. `ratio` is the throughput beside the subject that
    everybody is compared with. `cpu` is milliseconds an approval, `memory` megabytes at the end, by process.
    `events` and `actions` are Temporal's, `rows` those written on PostgreSQL; None where there is no such thing.
    """

    name: str
    throughput: float
    lowest: float
    highest: float
    ratio: float
    submit_p50: float
    submit_p99: float
    executed_p50: float
    executed_p99: float
    cpu: dict[str, float]
    memory: dict[str, float]
    events: float | None
    actions: float | None
    rows: float | None

    @property
    def own_cpu(self) -> float:
        """What its worker and its API use; where there is no API, its worker and its clients, who do that work."""
        return self.cpu[WORKER] + (self.cpu[API] if API in self.cpu else self.cpu[CLIENT])


async def summarise(subject: Subject, compared_with: Subject) -> Summary:
    """Return what a subject's rounds come to, beside the same rounds of another."""
    rounds = subject.rounds
    throughputs = [each.throughput for each in rounds]
    submitted = _milliseconds(rounds, lambda each: each.report.submitted)
    executed = _milliseconds(rounds, lambda each: each.report.executed)
    events = await subject.events()
    last = rounds[-1].used
    return Summary(
        name=subject.name,
        throughput=median(throughputs),
        lowest=min(throughputs),
        highest=max(throughputs),
        ratio=subject.ratio(compared_with),
        submit_p50=percentile(submitted, 50),
        submit_p99=percentile(submitted, 99),
        executed_p50=percentile(executed, 50),
        executed_p99=percentile(executed, 99),
        cpu={name: median(each.cpu_ms(name) for each in rounds) for name in last},
        memory={name: used.memory / _MB for name, used in last.items()},
        events=events and events[0],
        actions=events and events[1],
        rows=subject.rows(),
    )


def _milliseconds(rounds: Sequence[Round], of: Callable[[Round], Sequence[Taken]]) -> list[float]:
    return [taken.milliseconds for each in rounds for taken in of(each)]
