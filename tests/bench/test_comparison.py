"""What the comparison's figures rest on: how actions are counted, how the load is put on, how it is written down."""

from collections import Counter
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from typing_extensions import override

from bench.document import TEMPLATE, write_section
from bench.engine.actions import billed_actions
from bench.engine.load import Approver, Load, Submitted
from bench.engine.orders import Order, Step
from bench.engine.profile import by_area, without_idle
from tests.replay.record import HISTORIES


class _Counting(Approver):
    """Notes what is done, in order."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []

    @override
    async def submit(self) -> Submitted:
        number = sum(step == "submit" for step, _ in self.done)
        self.done.append(("submit", str(number)))
        return Submitted(workflow_id=str(number))

    @override
    async def until_it_waits(self, submitted: Submitted) -> None:
        self.done.append(("waits", submitted.workflow_id))

    @override
    async def approve(self, submitted: Submitted) -> None:
        self.done.append(("approve", submitted.workflow_id))


def test_actions_are_counted_as_temporal_cloud_bills_them() -> None:
    """An executed approval: the start, the timer, a signal, two upserts, an activity, and three tasks with records."""
    text = (HISTORIES / "0.1.0-executed.json").read_text(encoding="utf-8")
    history = WorkflowHistory.from_json("approval-1", text)

    assert billed_actions(history) == 9


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step.WHOLE, ["submit 0", "submit 1", "waits 1", "approve 0", "approve 1"]),
        (Step.AT_ONCE, ["submit 0", "approve 0", "submit 1", "approve 1"]),
    ],
)
async def test_a_client_decides_what_was_submitted_when_the_order_says_so(step: Step, expected: list[str]) -> None:
    """On the whole all wait before the first is decided; at once each is decided before the next is submitted."""
    approver = _Counting()

    report = await Load().carry_out(Order(approvals=2, clients=1, step=step), [approver])

    assert [" ".join(done) for done in approver.done] == expected
    assert len(report.submitted) == len(report.executed) == 2


async def test_what_was_submitted_can_be_decided_by_a_later_order() -> None:
    """Ten thousand are submitted by one order, and decided by the next."""
    approver, load = _Counting(), Load()

    submitted = await load.carry_out(Order(approvals=3, clients=2, step=Step.SUBMIT), [approver, approver])
    decided = await load.carry_out(Order(approvals=3, clients=2, step=Step.DECIDE), [approver, approver])

    assert (len(submitted.submitted), len(submitted.executed)) == (3, 0)
    assert (len(decided.submitted), len(decided.executed)) == (0, 3)


def test_cpu_used_before_a_thread_slept_is_shared_out_and_put_down_to_the_innermost_area() -> None:
    """The sum stays; code of no area counts for what called it."""
    stacks = Counter({"record;storage/rows.py:read;uuid.py:UUID": 30, "record;idle": 10, "native": 20})

    shared = without_idle(stacks)

    assert shared.total() == 60
    assert by_area(shared) == [("Assent: storage/", 40 / 60), ("Temporal's core, in Rust", 20 / 60)]


def test_a_part_writes_its_own_section_and_no_other(tmp_path: Path) -> None:
    """What another part has measured stays, and what nobody has measured yet says so."""
    document = tmp_path / "performance.md"

    write_section("engine", ["| first |"], document)
    write_section("pending", ["| second |"], document)
    write_section("engine", ["| third |"], document)

    written = document.read_text(encoding="utf-8")
    assert "| first |" not in written
    assert "| second |" in written
    assert "| third |" in written
    assert "Not measured yet: `make bench ARGS=profile` does." in written
    assert TEMPLATE.read_text(encoding="utf-8").splitlines()[0] == written.splitlines()[0]
