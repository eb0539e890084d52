"""The compose file's topology as processes: two APIs and two workers are one service, whichever of them is killed.

By hand, against one that runs: `ASSENT_CONFIG=tests/support/assent.yaml make prod`, and in another terminal
`ASSENT_TEST_PRODUCTION=.assent-prod .venv/bin/python -m pytest tests/acceptance/test_service.py`.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psutil
import pytest

from assent import Approval, ApprovalStatus, Outcome
from tests.acceptance.scenarios import SCENARIOS
from tests.support.eventually import wait_until
from tests.support.processes import Programs
from tests.support.production import READY_SECONDS, Production, open_production
from tests.support.promises import check_promises
from tests.support.runs import starts

pytestmark = pytest.mark.timeout(300)

IN_FLIGHT = 40
AT_ONCE = 10
KILL_AFTER = 10


@pytest.fixture
def production(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Production]:
    """The whole topology, with the operations of the tests."""
    with open_production(programs) as opened:
        monkeypatch.setenv("ASSENT_DATA_DIR", opened.settings["ASSENT_DATA_DIR"])
        yield opened


def test_two_apis_and_two_workers_are_one_service(production: Production) -> None:
    """Everything that clients are promised holds, before and after an API and a worker are killed in the middle.

    Every accepted request ends in exactly one status, and every operation was started at most once. The health checks
    of the compose file succeed as they are written, and a SIGTERM ends it all in good order.
    """
    expiring = production.submit("note.brief", "brief")
    for scenario in SCENARIOS:
        scenario(production, "before")
    unknown = _approve_while_two_are_killed(production)
    for scenario in SCENARIOS:
        scenario(production, "after")
    for name in ("api", "worker"):
        production.check_health(name)
    assert production.ended(expiring, within=90).status is ApprovalStatus.EXPIRED
    with closing(production.record()) as record:
        counted = check_promises(record, all_ended=production.program is not None)
    assert counted["executed"] >= IN_FLIGHT - unknown
    assert counted["failed"] == unknown
    if production.program is not None:
        started = psutil.Process(production.program.pid).children(recursive=True)
        assert production.program.stop(within=30) == 0
        assert [each for each in started if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []


def _approve_while_two_are_killed(production: Production) -> int:
    """Forty requests by ten clients are approved and run while one API and one worker die by SIGKILL and come back.

    Return how many the worker had just begun when it died: nobody can say how those ended, and they run no second time.
    """
    done = threading.Semaphore(0)

    def one(number: int) -> Approval:
        asked = production.assessed("note.medium", f"flight-{number}", api=number % 2)
        production.decide(asked, Outcome.APPROVE, by="ada", api=(number + 1) % 2)
        done.release()
        return production.ended(asked, api=number % 2, within=90)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        flying = [pool.submit(one, number) for number in range(IN_FLIGHT)]
        for _ in range(KILL_AFTER):
            assert done.acquire(timeout=60)
        victims = [production.process("api"), production.process("worker.py")]
        for victim in victims:
            victim.kill()
        ended = [each.result() for each in flying]
    unknown = [approval for approval in ended if approval.execution is not None and approval.execution.outcome_unknown]
    executed = [approval for approval in ended if approval not in unknown]
    assert {approval.status for approval in unknown} <= {ApprovalStatus.FAILED}
    assert {approval.status for approval in executed} == {ApprovalStatus.EXECUTED}
    assert {starts(approval.id) for approval in executed} == {1}
    assert len(unknown) <= AT_ONCE
    wait_until("both APIs are ready", production.ready, within=READY_SECONDS)
    for word in ("api", "worker.py"):
        back = production.processes(word)
        assert len(back) == 2
        assert not {each.pid for each in back} & {victim.pid for victim in victims}
    return len(unknown)
