"""Two reviewers at once: one wins, the other is told who did; nobody is told otherwise."""

import asyncio

import httpx2

from tests.support.runs import starts
from tests.support.stack import Stack

RACES = 100
AT_ONCE = 10


async def test_two_reviewers_race_a_hundred_times(stack: Stack) -> None:
    """Each time one 200 and one 409 that names the winner, and one terminal state that agrees with both."""
    async with stack.worker(max_cached_workflows=200, sandbox=False):
        for _ in range(RACES // AT_ONCE):
            await asyncio.gather(*(_race(stack) for _ in range(AT_ONCE)))


async def _race(stack: Stack) -> None:
    approval = await stack.pending("note.medium")
    answers = await asyncio.gather(
        stack.decide(approval, "approve", by="ada"), stack.decide(approval, "reject", by="bob")
    )
    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [httpx2.codes.OK, httpx2.codes.CONFLICT], [answer.text for answer in answers]
    winner = "ada" if codes[0] == httpx2.codes.OK else "bob"
    loser = answers[1 if winner == "ada" else 0].json()
    assert loser["decided_by"] == [f"reviewer:{winner}"]
    assert f"reviewer:{winner}" in loser["detail"]
    ended = await stack.ended(approval)
    assert ended["decided_by"] == [f"reviewer:{winner}"]
    assert ended["status"] == ("executed" if winner == "ada" else "rejected")
    assert starts(approval["id"]) == (1 if winner == "ada" else 0)


async def test_a_decision_as_the_workflow_closes_gets_a_true_answer(running: Stack) -> None:
    """Decisions that arrive while the workflow ends are refused with the winner's name, never left hanging."""
    approval = await running.pending()
    answers = await asyncio.gather(
        *(
            running.decide(approval, "reject" if number % 2 else "approve", by=("ada", "bob")[number % 2])
            for number in range(12)
        )
    )
    codes = [answer.status_code for answer in answers]
    assert codes.count(httpx2.codes.OK) == 1
    assert codes.count(httpx2.codes.CONFLICT) == len(codes) - 1
    ended = await running.ended(approval)
    for answer in answers:
        if answer.status_code == httpx2.codes.CONFLICT:
            assert answer.json()["decided_by"] == ended["decided_by"]


async def test_a_hundred_waiting_clients_all_hear_of_the_end(running: Stack) -> None:
    """They wait on one approval and are all answered with its terminal status once it has one."""
    approval = await running.pending()
    waiting = [asyncio.create_task(running.get(f"/v1/approvals/{approval['id']}", wait=30)) for _ in range(100)]
    await asyncio.sleep(0.5)
    assert not any(task.done() for task in waiting)
    await running.decide(approval)
    answers = await asyncio.gather(*waiting)
    assert {answer.json()["status"] for answer in answers} == {"executed"}
