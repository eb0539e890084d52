"""Several approvals decided at once: each by a decision of its own, which the server holds to its own proof."""

import httpx2
import pytest

from domain.confirmation import MAX_BULK
from tests.dashboard.reviewing import ITEM, check_pending, send, step_of
from tests.dashboard.visitors import Enter, text_of
from tests.support.stack import Stack
from tests.support.team import REVIEWER, SECOND_REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_several_at_once_are_each_a_decision(served: Stack, enter: Enter) -> None:
    """All listed before, a result for each: what was decided meanwhile says by whom, and the others go on."""
    approvals = [await served.pending(kind) for kind in ("note.low", "note.medium", "note.low")]
    reviewer, other = await enter(REVIEWER), await enter(SECOND_REVIEWER)
    asked = "&".join(f"approval={approval['id']}" for approval in approvals)
    page = await reviewer.get(f"/bulk?{asked}")
    items = ITEM.findall(page.text)
    assert [item.split("/")[:2] for item in items] == [[each["id"], each["digest"]] for each in approvals]
    assert "Approve 3?" in text_of(page)
    rejecting = await step_of(other, approvals[1], "reject")
    await send(other, approvals[1], rejecting, comment="No.")
    done = await reviewer.post("/bulk", data={"item": items})
    assert done.status_code == httpx2.codes.OK
    assert "2 of 3 approved" in text_of(done)
    for approval, expected in zip(approvals, ("executed", "rejected", "executed"), strict=True):
        ended = await served.ended(approval)
        by = SECOND_REVIEWER if expected == "rejected" else REVIEWER
        assert (ended["status"], [each["reviewer"] for each in ended["decisions"] if each["accepted"]]) == (
            expected,
            [by],
        )
        assert f'href="/approvals/{approval["id"]}"' in done.text
    # Sent again, it is what it was.
    again = await reviewer.post("/bulk", data={"item": items})
    assert "2 of 3 approved" in text_of(again)


async def test_a_bulk_proof_is_for_its_row(served: Stack, enter: Enter) -> None:
    """With another's proof, another digest or none a row is not approved, and says so; the good ones are."""
    good, bad = await served.pending(), await served.pending()
    reviewer = await enter(REVIEWER)
    of_good, of_bad = ITEM.findall((await reviewer.get(f"/bulk?approval={good['id']}&approval={bad['id']}")).text)
    proof = of_good.split("/")[2]
    for wrong in (
        f"{bad['id']}/{bad['digest']}/{proof}",
        f"{bad['id']}/{good['digest']}/{of_bad.split('/')[2]}",
        f"{bad['id']}/{bad['digest']}/",
        bad["id"],
        f"{bad['id']}/{bad['digest']}/{(await step_of(reviewer, bad))['proof']}",
    ):
        done = await reviewer.post("/bulk", data={"item": [wrong]})
        assert "0 of 1 approved" in text_of(done), wrong
    done = await reviewer.post("/bulk", data={"item": [f"{bad['id']}/{bad['digest']}/x", of_good]})
    assert "1 of 2 approved" in text_of(done)
    await check_pending(served, bad)
    assert (await served.ended(good))["status"] == "executed"


async def test_an_item_that_is_not_there_stops_nothing(served: Stack, enter: Enter) -> None:
    """Nonsense among others is no row: the others are decided, and their results are shown."""
    good = await served.pending()
    reviewer = await enter(REVIEWER)
    (item,) = ITEM.findall((await reviewer.get(f"/bulk?approval={good['id']}")).text)
    done = await reviewer.post("/bulk", data={"item": ["nothing/x/x", item]})
    assert done.status_code == httpx2.codes.OK
    assert "1 of 1 approved" in text_of(done)
    assert (await served.ended(good))["status"] == "executed"


async def test_at_most_twenty_are_approved_at_once(served: Stack, enter: Enter) -> None:
    """Twenty-one are a 422 when they are asked for and when they are sent, and nothing is decided; none is one too."""
    approvals = [await served.pending() for _ in range(2)]
    reviewer = await enter(REVIEWER)
    ids = [approvals[0]["id"], *(f"other-{number}" for number in range(MAX_BULK))]
    assert (await reviewer.get("/bulk", params={"approval": ids})).status_code == 422
    (item,) = ITEM.findall((await reviewer.get(f"/bulk?approval={approvals[0]['id']}")).text)
    assert (await reviewer.post("/bulk", data={"item": [item] * (MAX_BULK + 1)})).status_code == 422
    for nothing in (await reviewer.get("/bulk"), await reviewer.post("/bulk", data={})):
        assert nothing.status_code == 422
    await check_pending(served, approvals[0])
