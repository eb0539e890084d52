"""The closed loop of every client process: each client submits again and again, then approves again and again.

What is approved waits for it by then, as it would for a person. Otherwise, when the server is busy, a bare workflow
finds the signal before it has begun, and never sets its timer.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from bench.engine.orders import Order, Report, Step, Taken
from bench.measure import MILLISECONDS
from domain.frozen import Frozen


class Submitted(Frozen):
    """What a client keeps of a submission: the workflow's id, and the digest of what was seen, where there is one."""

    workflow_id: str
    digest: str = ""


class Approver(Protocol):
    """One client: it submits, and approves what was submitted."""

    async def submit(self) -> Submitted:
        """Submit an operation."""

    async def until_it_waits(self, submitted: Submitted) -> None:
        """Return once the newest submission waits for its decision, so that all before it do."""

    async def approve(self, submitted: Submitted) -> None:
        """Approve it, and return once it has run; raise when it ends otherwise."""


class Load:
    """Carries out orders, and keeps what is submitted and not decided yet."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._waiting: asyncio.Queue[Submitted] = asyncio.Queue()

    async def carry_out(self, order: Order, approvers: list[Approver]) -> Report:
        """Carry out one order, with one of `approvers` for each client."""
        submitted: list[Taken] = []
        executed: list[Taken] = []
        ids: list[str] = []
        to_submit = iter(range(0 if order.step is Step.DECIDE else order.approvals))
        to_decide = iter(range(0 if order.step in {Step.SUBMIT, Step.AT_ONCE} else order.approvals))
        all_wait = asyncio.Event()
        began = time.perf_counter()

        async def approve(approver: Approver, one: Submitted) -> None:
            started = time.perf_counter()
            await approver.approve(one)
            executed.append(_taken(started, began))

        async def be_a_client(approver: Approver) -> None:
            for _ in to_submit:
                started = time.perf_counter()
                one = await approver.submit()
                submitted.append(_taken(started, began))
                ids.append(one.workflow_id)
                if order.step is Step.AT_ONCE:
                    await approve(approver, one)
                    continue
                self._waiting.put_nowait(one)
                if len(submitted) == order.approvals:
                    await approver.until_it_waits(one)
                    all_wait.set()
            if order.step is Step.WHOLE:
                await all_wait.wait()
            for _ in to_decide:
                await approve(approver, await self._waiting.get())

        async with asyncio.TaskGroup() as clients:
            for approver in approvers:
                clients.create_task(be_a_client(approver))
        seconds = time.perf_counter() - began
        return Report(seconds=seconds, submitted=tuple(submitted), executed=tuple(executed), workflow_ids=tuple(ids))


async def obey(open_approvers: Callable[[int], Awaitable[list[Approver]]]) -> None:
    """Carry out the orders that come in, one a line, until there are no more; print a report for each."""
    load = Load()
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = Order.model_validate_json(line)
        report = await load.carry_out(order, await open_approvers(order.clients))
        sys.stdout.write(f"{report.model_dump_json()}\n")
        sys.stdout.flush()


def _taken(started: float, began: float) -> Taken:
    now = time.perf_counter()
    return Taken(milliseconds=(now - started) * MILLISECONDS, ended_at=now - began)
