"""What the server demands of a decision that comes from a page, whatever the page itself does."""

import asyncio
import re

import httpx2
import pytest

from assent.models import NewKey, Role
from tests.api.answers import events, refusals, shown
from tests.dashboard.reviewing import ITEM, PART, check_pending, send, step_of
from tests.dashboard.visitors import Enter, add_quickly, hidden, text_of
from tests.support.stack import Stack
from tests.support.team import ADMIN, AUDITOR, REVIEWER, SECOND_REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("operation_type", ["note.low", "note.medium", "note.high"])
@pytest.mark.parametrize("outcome", ["approve", "reject"])
async def test_a_decision_is_recorded(served: Stack, enter: Enter, operation_type: str, outcome: str) -> None:
    """From its own step it counts, once: who, what they said, and the digest that they were shown."""
    approval = await served.pending(operation_type)
    reviewer = await enter(REVIEWER)
    fields = await step_of(reviewer, approval, outcome)
    assert fields["digest"] == approval["digest"]
    answer = await send(reviewer, approval, fields, comment="Because.\r\nReally.")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/approvals/{approval['id']}")
    ended = await served.ended(approval)
    assert ended["status"] == {"approve": "executed", "reject": "rejected"}[outcome]
    (decision,) = ended["decisions"]
    assert (decision["reviewer"], decision["outcome"], decision["accepted"]) == (REVIEWER, outcome, True)
    assert decision["comment"] == "Because.\nReally."
    (event,) = await events(served, approval, "decision.recorded")
    assert event["actor"] == f"reviewer:{REVIEWER}"
    assert event["digest"] == approval["digest"]


@pytest.mark.parametrize("outcome", ["approve", "reject"])
async def test_a_step_is_for_the_content_that_its_page_shows(served: Stack, enter: Enter, outcome: str) -> None:
    """A page that was loaded before the content changed gets no step for what it does not show: it is loaded again."""
    approval = await served.pending("note.high")
    reviewer, path = await enter(REVIEWER), f"/approvals/{approval['id']}"
    for stale in ("", "?digest=" + "0" * 64):
        answer = await reviewer.get(f"{path}/{outcome}{stale}", headers=PART)
        assert (answer.headers["hx-redirect"], answer.text) == (path, "")
    fields = hidden(await reviewer.get(f"{path}/{outcome}?digest={approval['digest']}", headers=PART))
    assert fields["digest"] == approval["digest"]
    await check_pending(served, approval)


async def test_the_step_decides_nothing(served: Stack, enter: Enter) -> None:
    """Looking at it, on the page or in a strip, as often as one likes."""
    approval = await served.pending()
    reviewer = await enter(REVIEWER)
    for outcome in ("approve", "reject"):
        for strip in (False, True):
            await step_of(reviewer, approval, outcome, strip=strip)
    assert (await reviewer.get(f"/bulk?approval={approval['id']}")).status_code == httpx2.codes.OK
    await check_pending(served, approval)


async def test_without_a_proof_nothing_is_decided(served: Stack, enter: Enter) -> None:
    """No step was shown: left out it is a 422, and anything that is none a 409 that shows the step."""
    approval = await served.pending()
    reviewer = await enter(REVIEWER)
    fields = await step_of(reviewer, approval)
    proof = fields.pop("proof")
    assert (await send(reviewer, approval, fields)).status_code == 422
    nonce, at, key, mac = proof.split(".")
    later = str(int(at) + 1)
    for other in (
        "x",
        f"{nonce}.{at}.{key}.{'0' * 64}",
        f"{'0' * 32}.{at}.{key}.{mac}",
        f"{nonce}.{later}.{key}.{mac}",
        f"{nonce}.{at}.other.{mac}",
        proof.upper(),
    ):
        answer = await send(reviewer, approval, fields, proof=other)
        assert answer.status_code == 409, other
        assert "Look again, and confirm." in text_of(answer)
        assert hidden(answer)["digest"] == approval["digest"]
    await check_pending(served, approval)


async def test_a_proof_is_for_one_session(served: Stack, enter: Enter) -> None:
    """Shown to somebody else, or to oneself in another browser, it does not decide."""
    approval = await served.pending()
    reviewer = await enter(REVIEWER)
    for other in (await enter(SECOND_REVIEWER), await enter(REVIEWER)):
        answer = await send(reviewer, approval, await step_of(other, approval))
        assert answer.status_code == 409
    await check_pending(served, approval)


async def test_a_proof_is_for_one_decision(served: Stack, enter: Enter) -> None:
    """Of another approval, for the other outcome, of another content or of another place it does not decide."""
    approval, another = await served.pending(), await served.pending()
    reviewer = await enter(REVIEWER)
    fields = await step_of(reviewer, approval)
    rejecting = await step_of(reviewer, approval, "reject")
    for wrong in (
        await step_of(reviewer, another),
        fields | {"proof": (await step_of(reviewer, another))["proof"]},
        fields | {"outcome": "reject"},
        fields | {"proof": rejecting["proof"]},
        fields | {"digest": "0" * 64},
        fields | {"digest": another["digest"]},
        fields | {"shown": "strip"},
        fields | {"shown": "bulk"},
    ):
        assert (await send(reviewer, approval, wrong, comment="x")).status_code == 409, wrong
    for nonsense in ({"digest": "x"}, {"outcome": "maybe"}, {"shown": "nowhere"}, {"comment": "x" * 2001}):
        assert (await send(reviewer, approval, fields | nonsense)).status_code == 422, nonsense
    await check_pending(served, approval)
    assert (await send(reviewer, approval, fields)).status_code == 303


@pytest.mark.parametrize("operation_type", ["note.high", "note.critical"])
async def test_high_risk_is_approved_on_its_page_only(served: Stack, enter: Enter, operation_type: str) -> None:
    """A strip leads there, bulk does not take it, and a proof of either is not enough."""
    approval = await served.pending(operation_type)
    reviewer, path = await enter(REVIEWER), f"/approvals/{approval['id']}"
    strip = await reviewer.get(f"{path}/approve?shown=strip", headers=PART)
    assert (strip.headers["hx-redirect"], strip.text) == (path, "")
    listed = await reviewer.get(f"/bulk?approval={approval['id']}")
    assert ITEM.findall(listed.text) == []
    assert "It is approved on its own page only." in text_of(listed)
    # The step shows any place that the address names: the decision is what is held to it.
    bulk = hidden(await reviewer.get(f"{path}/approve?shown=bulk"))
    assert (await send(reviewer, approval, bulk, typed="7")).status_code == 409
    await check_pending(served, approval)
    # Rejecting is always possible from the queue.
    rejecting = await step_of(reviewer, approval, "reject", strip=True)
    assert (await send(reviewer, approval, rejecting, comment="No.")).status_code == 303
    assert (await served.ended(approval))["status"] == "rejected"


async def test_critical_risk_needs_the_word(served: Stack, enter: Enter) -> None:
    """The resource's id, typed: without it or with another it is a 409 that says what to type, and the step again."""
    approval = await served.pending("note.critical")
    reviewer = await enter(REVIEWER)
    fields = await step_of(reviewer, approval)
    for typed in ("", "77", "seven", approval["digest"][:6]):
        answer = await send(reviewer, approval, fields, typed=typed)
        assert answer.status_code == 409
        assert "Type 7 to approve this." in text_of(answer)
    await check_pending(served, approval)
    assert (await send(reviewer, approval, fields, typed=" 7 ")).status_code == 303
    assert (await served.ended(approval))["status"] == "executed"


async def test_a_rejection_needs_a_comment(served: Stack, enter: Enter) -> None:
    """Without one it is a 409 with the form again; critical risk needs no word for it."""
    approval = await served.pending("note.critical")
    reviewer = await enter(REVIEWER)
    fields = await step_of(reviewer, approval, "reject")
    for comment in ("", "  \r\n "):
        answer = await send(reviewer, approval, fields, comment=comment)
        assert answer.status_code == 409
        assert hidden(answer)["outcome"] == "reject"
    await check_pending(served, approval)
    assert (await send(reviewer, approval, fields, comment="No.")).status_code == 303


async def test_a_form_that_is_sent_twice_is_one_decision(served: Stack, enter: Enter) -> None:
    """At once, or again after the end: the same decision, and nothing is refused."""
    approval = await served.pending("note.quorum")
    reviewer = await enter(REVIEWER)
    fields = await step_of(reviewer, approval)
    answers = await asyncio.gather(*(send(reviewer, approval, fields) for _ in range(3)))
    answers.append(await send(reviewer, approval, fields))
    assert [answer.status_code for answer in answers] == [303] * 4
    assert len((await shown(served, approval))["decisions"]) == 1
    assert len(await events(served, approval, "decision.recorded")) == 1
    assert await refusals(served, approval) == []


async def test_one_person_is_one_vote(served: Stack, enter: Enter) -> None:
    """In two tabs, where two people are needed: the second vote does not count, and says why."""
    approval = await served.pending("note.quorum")
    tabs = [await enter(REVIEWER), await enter(REVIEWER)]
    steps = [await step_of(tab, approval) for tab in tabs]
    assert (await send(tabs[0], approval, steps[0])).status_code == 303
    second = await send(tabs[1], approval, steps[1])
    assert second.status_code == 409
    found = await shown(served, approval)
    assert (found["status"], len([one for one in found["decisions"] if one["accepted"]])) == ("pending", 1)
    assert "You have approved this. Another person must approve it too." in text_of(second)
    other = await enter(SECOND_REVIEWER)
    assert (await send(other, approval, await step_of(other, approval))).status_code == 303
    assert (await served.ended(approval))["status"] == "executed"


@pytest.mark.parametrize("place", ["page", "part", "strip"])
async def test_who_comes_second_is_told_who_was_first(served: Stack, enter: Enter, place: str) -> None:
    """409: by whom, what, and that it did not count; the record has the first one's alone."""
    approval = await served.pending()
    first, second = await enter(REVIEWER), await enter(SECOND_REVIEWER)
    losing = await step_of(second, approval, strip=place == "strip")
    rejecting = await step_of(first, approval, "reject")
    assert (await send(first, approval, rejecting, comment="No.")).status_code == 303
    headers = {} if place == "page" else PART
    answer = await second.post(f"/approvals/{approval['id']}/decisions", data=losing, headers=headers)
    assert answer.status_code == 409
    told = rf"{REVIEWER.capitalize()} rejected this \d+ s before you\. Yours did not count\."
    assert re.search(told, text_of(answer))
    ended = await served.ended(approval)
    assert ended["status"] == "rejected"
    assert [one["reviewer"] for one in ended["decisions"] if one["accepted"]] == [REVIEWER]


async def test_of_two_at_the_same_time_one_counts(served: Stack, enter: Enter) -> None:
    """Ten times: one 303 and one 409 that names the other."""
    people = {REVIEWER: await enter(REVIEWER), SECOND_REVIEWER: await enter(SECOND_REVIEWER)}
    for _ in range(10):
        approval = await served.pending()
        steps = {name: await step_of(client, approval) for name, client in people.items()}
        answers = dict(
            zip(
                people,
                await asyncio.gather(*(send(people[name], approval, steps[name]) for name in people)),
                strict=True,
            )
        )
        assert sorted(answer.status_code for answer in answers.values()) == [303, 409]
        winner = next(name for name, answer in answers.items() if answer.status_code == 303)
        loser = next(answer for answer in answers.values() if answer.status_code == 409)
        assert f"{winner.capitalize()} approved this" in text_of(loser)
        assert (await served.ended(approval))["decided_by"] == [f"reviewer:{winner}"]


async def test_ones_own_agents_request_is_not_ones_to_decide(served: Stack, enter: Enter) -> None:
    """The buttons give way to the sentence, no step is shown, and a decision that is sent all the same is refused."""
    served.add_key(NewKey(name="graces-agent", role=Role.AGENT, owner=REVIEWER))
    approval = await served.pending(by="graces-agent")
    owner, other = await enter(REVIEWER), await enter(SECOND_REVIEWER)
    path = f"/approvals/{approval['id']}"
    page = await owner.get(path)
    bar = page.text[page.text.index('<section class="bar') :]
    assert "the request is yours." in text_of(page)
    assert "data-approve" not in bar
    assert "data-reject" not in bar
    for outcome in ("approve", "reject"):
        assert (await owner.get(f"{path}/{outcome}")).headers["location"] == path
    assert ITEM.findall((await owner.get(f"/bulk?approval={approval['id']}")).text) == []
    stolen = await step_of(other, approval)
    assert (await send(owner, approval, stolen)).status_code in {403, 409}
    await check_pending(served, approval)
    assert (await send(other, approval, stolen)).status_code == 303


async def test_an_auditor_reads_and_does_not_decide(served: Stack, enter: Enter) -> None:
    """The page says so in place of the buttons; no step, no proof."""
    approval = await served.pending()
    auditor, path = await enter(AUDITOR), f"/approvals/{approval['id']}"
    page = await auditor.get(path)
    assert "Your role, auditor, reads approvals and does not decide them." in text_of(page)
    assert "proof" not in page.text
    assert (await auditor.get(f"{path}/approve")).headers["location"] == path
    reviewer = await enter(REVIEWER)
    fields = await step_of(reviewer, approval)
    assert (await send(auditor, approval, fields)).status_code in {403, 409}
    await check_pending(served, approval)


async def test_a_demoted_reviewers_open_step_does_not_decide(served: Stack, enter: Enter) -> None:
    """The role is looked up when the decision comes, not when the page was shown."""
    add_quickly(served, "mona")
    approval = await served.pending()
    mona = await enter("mona")
    fields = await step_of(mona, approval)
    await (await enter(ADMIN)).post("/people/mona/role", data={"role": "auditor"})
    answer = await send(mona, approval, fields)
    assert answer.status_code in {403, 409}
    assert (await shown(served, approval))["status"] == "pending"
