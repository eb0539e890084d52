"""Trusted patterns in the dashboard: seen, made, checked, tried, suspended and deleted, each by whoever may."""

import asyncio
import html
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx2
import pytest
from typing_extensions import override

from assent.models import NewKey, Role
from domain.narrow_patterns import LASTS
from tests.api.policies import EXPORTS, add_agent, change, export, make_pattern
from tests.dashboard.visitors import Enter, hidden, text_of
from tests.support.stack import Stack
from tests.support.team import ADMIN, AUDITOR, REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")

HTMX = {"HX-Request": "true"}
BROAD: dict[str, Any] = {"condition": None, "broad": True}
READ_ONLY = [REVIEWER, AUDITOR]


async def all_patterns(stack: Stack) -> list[dict[str, Any]]:
    """Return every pattern that there is."""
    found: list[dict[str, Any]] = (await stack.get("/v1/trusted-patterns")).json()["items"]
    return found


async def status_of(stack: Stack, pattern: dict[str, Any]) -> str:
    """Return a pattern's status."""
    found: str = (await stack.get(f"/v1/trusted-patterns/{pattern['id']}")).json()["status"]
    return found


def typed(agent: str, **fields: str) -> dict[str, str]:
    """Return what is typed for a pattern of small exports, with `fields` changed."""
    return {"agent_id": agent, **EXPORTS, "max_per_day": "50", **fields}


class Fields(HTMLParser):
    """What stands in the fields of a pattern's form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._inside = ""
        self.feed(page.partition('id="pattern-form"')[2].partition("</form>")[0])

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        field = dict(attrs)
        if tag in ("select", "textarea"):
            self._inside = field["name"] or ""
            self.found[self._inside] = ""
        elif tag == "option" and "selected" in field:
            self.found[self._inside] = field["value"] or ""
        elif tag == "input" and field["name"] and field.get("type") != "checkbox":
            self.found[field["name"]] = field.get("value") or ""

    @override
    def handle_data(self, data: str) -> None:
        if self.lasttag == "textarea" and self._inside:
            # A browser leaves out the first line break.
            self.found[self._inside] += data.removeprefix("\n")

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self._inside = ""


def values(page: httpx2.Response) -> dict[str, str]:
    """Return what stands in the form of a pattern."""
    return Fields(page.text).found


async def decided(stack: Stack, agent: str, limit: int, outcome: str, **body: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
    """Have an export asked for, and decided by ada."""
    approval = await export(stack, agent, limit, **body)
    assert (await stack.decide(approval, outcome)).is_success
    return approval


def row_of(page: httpx2.Response, pattern: dict[str, Any]) -> str:
    """Return the text of one pattern in the list."""
    row = page.text.partition(f'id="pattern-{pattern["id"]}"')[2].partition("</li>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", f"<{row}")).split())


@pytest.mark.parametrize("name", [ADMIN, REVIEWER, AUDITOR])
async def test_the_list_says_what_each_pattern_lets_through(served: Stack, enter: Enter, name: str) -> None:
    """In a sentence with its condition, with the day's use, the last one, and what is dangerous about it."""
    agent = add_agent(served)
    summed: dict[str, Any] = {"max_sum_per_day": {"parameter": "limit", "limit": 100}}
    exports = await make_pattern(served, agent, max_per_day=10, **summed)
    every = await make_pattern(served, f"{agent}-*", condition="context.a == 1", broad=True)
    await export(served, agent, 90)

    page = await (await enter(name)).get("/patterns")
    told = row_of(page, exports)
    assert told.startswith(f"{agent} may run data.export on customer , up to medium risk, when {EXPORTS['condition']}")
    assert "near quota 1 of 10 today 90 of 100 today, adding up limit last used" in told
    assert f"Every agent called {agent}-* may run data.export on customer , up to low risk" in row_of(page, every)
    assert "trusts claims broad 0 of 50 today never used" in row_of(page, every)
    assert page.text.index(every["id"]) < page.text.index(exports["id"])


async def test_without_patterns_the_page_says_what_they_are_for(served: Stack, enter: Enter) -> None:
    """In one sentence, and admins are led to the form."""
    for each in await all_patterns(served):
        await served.http.delete(f"/v1/trusted-patterns/{each['id']}", headers=served.bearer("admin"))
    pages = {name: await (await enter(name)).get("/patterns") for name in (ADMIN, *READ_ONLY)}
    for name, page in pages.items():
        assert "A trusted pattern lets a frequent, safe operation of one agent through" in text_of(page)
        assert ("/patterns/new" in page.text) is (name == ADMIN)


@pytest.mark.parametrize("name", [ADMIN, REVIEWER])
async def test_one_click_suspends(served: Stack, enter: Enter, name: str) -> None:
    """By those who decide: at once, with no question, also what is broad."""
    pattern = await make_pattern(served, add_agent(served), **BROAD)
    client = await enter(name)
    answer = await client.post(f"/patterns/{pattern['id']}/suspend")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/patterns/{pattern['id']}")
    assert await status_of(served, pattern) == "suspended"
    revisions = (await served.get(f"/v1/trusted-patterns/{pattern['id']}/revisions")).json()["items"]
    role = "admin" if name == ADMIN else "reviewer"
    assert revisions[-1]["changed_by"] == f"{role}:{name}"


@pytest.mark.parametrize("name", [ADMIN, REVIEWER])
async def test_in_the_list_the_row_changes_in_place(served: Stack, enter: Enter, name: str) -> None:
    """A script gets the row alone, as it is now, with a word on what that means, and no button where the other was."""
    pattern = await make_pattern(served, add_agent(served))
    row = await (await enter(name)).post(f"/patterns/{pattern['id']}/suspend", headers=HTMX)
    assert row.text.lstrip().startswith("<li")
    assert "suspended" in text_of(row)
    assert "It lets nothing through from now on." in text_of(row)
    assert "<button" not in row.text
    assert ("Activate…" in row.text) is (name == ADMIN)


async def test_an_auditor_suspends_nothing(served: Stack, enter: Enter) -> None:
    """There is no button, and what is sent all the same is refused."""
    pattern = await make_pattern(served, add_agent(served))
    client = await enter(AUDITOR)
    for path in ("/patterns", f"/patterns/{pattern['id']}"):
        assert "/suspend" not in (await client.get(path)).text
    answer = await client.post(f"/patterns/{pattern['id']}/suspend")
    assert answer.status_code == httpx2.codes.FORBIDDEN
    assert "The role auditor does not change trusted patterns" in text_of(answer)
    assert await status_of(served, pattern) == "active"


@pytest.mark.parametrize(("fields", "asked"), [({}, False), (BROAD, True)], ids=["narrow", "broad"])
async def test_activating_asks_first(served: Stack, enter: Enter, fields: dict[str, Any], *, asked: bool) -> None:
    """The question changes nothing; what is broad must be meant, and comes back in force only with that answer."""
    pattern = await make_pattern(served, add_agent(served), **fields)
    await change(served, pattern, status="suspended")
    client = await enter(ADMIN)
    page = f"/patterns/{pattern['id']}/activate"
    for path in ("/patterns", f"/patterns/{pattern['id']}"):
        assert f'href="{page}"' in (await client.get(path)).text
    question = await client.get(page)
    assert "It never expires." in text_of(question)
    assert ("I mean it this broad" in question.text) is asked
    assert await status_of(served, pattern) == "suspended"

    if asked:
        refused = await client.post(page)
        assert refused.status_code == httpx2.codes.UNPROCESSABLE_CONTENT
        assert "This pattern is broad" in text_of(refused)
        assert await status_of(served, pattern) == "suspended"
    answer = await client.post(page, data={"broad": "true"} if asked else {})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/patterns/{pattern['id']}")
    assert await status_of(served, pattern) == "active"


@pytest.mark.parametrize("name", READ_ONLY)
async def test_the_forms_are_the_admins(served: Stack, enter: Enter, name: str) -> None:
    """Others see no way to them; each form and each change is refused, and nothing has changed."""
    agent = add_agent(served)
    pattern = await make_pattern(served, agent)
    await change(served, pattern, status="suspended")
    client = await enter(name)
    mine = f"/patterns/{pattern['id']}"
    for path in ("/patterns", mine):
        page = await client.get(path)
        assert page.status_code == httpx2.codes.OK
        assert not re.search(r"/patterns/new|/edit|/delete|/activate", page.text)
    for path in ("/patterns/new", f"{mine}/edit", f"{mine}/activate", f"{mine}/delete"):
        assert (await client.get(path)).status_code == httpx2.codes.FORBIDDEN, path
    for path in ("/patterns", "/patterns/check", mine, f"{mine}/activate", f"{mine}/delete"):
        answer = await client.post(path, data=typed(agent, max_per_day="7"))
        assert answer.status_code == httpx2.codes.FORBIDDEN, path
    assert [each for each in await all_patterns(served) if each["agent_id"] == agent] == [
        (await served.get(f"/v1/trusted-patterns/{pattern['id']}")).json()
    ]
    assert await status_of(served, pattern) == "suspended"


async def test_a_pattern_is_made_as_it_was_typed(served: Stack, enter: Enter) -> None:
    """Each field of the form is one of the pattern, which is then shown; its author is the person."""
    agent = add_agent(served)
    answer = await (await enter(ADMIN)).post(
        "/patterns",
        data=typed(
            agent,
            max_risk="low",
            expires_on="2099-06-30",
            max_per_day="7",
            sum_parameter="limit",
            sum_limit="500",
            note="Small exports.",
        ),
    )
    assert answer.status_code == httpx2.codes.SEE_OTHER, answer.text
    made = (await served.get(f"/v1/trusted-patterns/{answer.headers['location'].rpartition('/')[2]}")).json()
    assert {name: made[name] for name in ("agent_id", *EXPORTS, "max_risk", "expires_at", "max_per_day", "note")} == {
        "agent_id": agent,
        **EXPORTS,
        "max_risk": "low",
        "expires_at": "2099-07-01T00:00:00Z",
        "max_per_day": 7,
        "note": "Small exports.",
    }
    assert made["max_sum_per_day"] == {"parameter": "limit", "limit": 500}
    assert made["created_by"] == f"admin:{ADMIN}"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"agent_id": "Two Names"}, "Write an agent's name"),
        ({"max_per_day": "many"}, "Write a whole number from 1 to 1,000,000."),
        ({"condition": "operation.parameters.limit <"}, "Condition: line 1, column 29: Syntax error"),
        ({"condition": "limit < 100"}, "undeclared reference to 'limit'"),
        ({"expires_on": "2001-01-01"}, "has passed. Choose a later time"),
        ({"condition": ""}, "This pattern is broad. Narrow it, or say below that you mean it."),
    ],
)
async def test_what_cannot_be_a_pattern_stays_in_the_form(
    served: Stack, enter: Enter, wrong: dict[str, str], told: str
) -> None:
    """With a sentence on what is wrong, everything that was typed, and nothing made."""
    before = await all_patterns(served)
    sent = typed(add_agent(served), note="Kept.", expires_on="2099-06-30") | wrong
    answer = await (await enter(ADMIN)).post("/patterns", data=sent)
    assert answer.status_code == httpx2.codes.UNPROCESSABLE_CONTENT
    assert told in text_of(answer)
    shown = values(answer)
    assert {name: shown[name] for name in sent} == sent
    assert await all_patterns(served) == before


async def test_a_broad_pattern_is_made_by_who_says_that_it_is_meant(served: Stack, enter: Enter) -> None:
    """What is refused first is asked about in the form, and made when the box is ticked."""
    agent = add_agent(served)
    client = await enter(ADMIN)
    refused = await client.post("/patterns", data=typed(agent, condition=""))
    assert "is-broad" in refused.text
    assert "I mean it this broad" in text_of(refused)
    answer = await client.post("/patterns", data=typed(agent, condition="", broad="true"))
    assert answer.status_code == httpx2.codes.SEE_OTHER


async def test_nobody_lets_their_own_agents_through(served: Stack, enter: Enter) -> None:
    """Not by the form either: it says so as one types, and again when it is sent."""
    agent = add_agent(served)
    served.add_key(NewKey(name=f"{agent}-own", role=Role.AGENT, owner=ADMIN))
    client = await enter(ADMIN)
    checked = await client.post("/patterns/check", data=typed(f"{agent}-own"), headers=HTMX)
    answer = await client.post("/patterns", data=typed(f"{agent}-own"))
    assert answer.status_code == httpx2.codes.FORBIDDEN
    for each in (checked, answer):
        assert f"This pattern can match {agent}-own, for whom you answer." in text_of(each)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "Fine. It reads: operation.parameters.limit"),
        ({"condition": "context.a == 1 && now.getHours() < 18"}, "Fine. It reads: context.a , now"),
        ({"condition": "context.a == 1"}, "which the agent fills as it likes: it trusts the agent's own claims."),
        ({"condition": "1 < 2"}, "Fine. It reads nothing of the request."),
        ({"condition": ""}, "It has no condition: whatever the agent asks for within its types goes through"),
        ({"condition": "operation.parameters.limit"}, "Condition: line 1, column 1: It gives dyn, not true or false."),
        ({"condition": "operation.limit < 1"}, "Condition: line 1, column 11: `operation` has no `limit`"),
        ({"max_risk": "high"}, "It lets operations of high risk through without a person."),
        ({"expires_on": "2001-01-01"}, "has passed. Choose a later time, or leave it out."),
        ({"agent_id": "", "max_per_day": ""}, "Fine. It reads: operation.parameters.limit"),
        ({"agent_id": "", "condition": "operation.limit < 1"}, "`operation` has no `limit`"),
        ({"agent_id": "", "condition": ""}, "It is checked as you type."),
    ],
)
async def test_the_form_is_checked_as_it_is_typed(
    served: Stack, enter: Enter, fields: dict[str, str], told: str
) -> None:
    """What the condition reads, or what is wrong with it, and what is dangerous; also before the other fields are."""
    before = await all_patterns(served)
    sent = typed(add_agent(served)) | fields
    answer = await (await enter(ADMIN)).post("/patterns/check", data=sent, headers=HTMX)
    assert answer.status_code == httpx2.codes.OK
    assert told in text_of(answer)
    assert ("Fine" in answer.text) is told.startswith("Fine") or "context" in sent["condition"] or "max_risk" in fields
    assert await all_patterns(served) == before


async def test_an_edit_changes_what_was_typed_and_nothing_else(served: Stack, enter: Enter) -> None:
    """The form shows the pattern as it is; what is sent as it stands makes no revision."""
    expires = f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%dT%H:%M:%SZ}"
    pattern = await make_pattern(served, add_agent(served), expires_at=expires, note="Small.", max_risk="low")
    client = await enter(ADMIN)
    form = await client.get(f"/patterns/{pattern['id']}/edit")
    shown = values(form)
    assert (shown["agent_id"], shown["condition"], shown["note"], shown["max_risk"]) == (
        pattern["agent_id"],
        pattern["condition"],
        "Small.",
        "low",
    )
    unchanged = await client.post(f"/patterns/{pattern['id']}", data=shown)
    assert unchanged.headers["location"] == f"/patterns/{pattern['id']}"
    await client.post(f"/patterns/{pattern['id']}", data=shown | {"max_per_day": "7", "note": ""})
    now = (await served.get(f"/v1/trusted-patterns/{pattern['id']}")).json()
    assert (now["revision"], now["max_per_day"], now["note"], now["expires_at"]) == (2, 7, "", expires)
    assert now["changed_by"] == f"admin:{ADMIN}"


async def test_an_edit_of_what_somebody_else_changed_is_refused(served: Stack, enter: Enter) -> None:
    """Or it would take back unseen what the other one did."""
    pattern = await make_pattern(served, add_agent(served))
    client = await enter(ADMIN)
    shown = values(await client.get(f"/patterns/{pattern['id']}/edit"))
    await change(served, pattern, max_per_day=3)
    answer = await client.post(f"/patterns/{pattern['id']}", data=shown | {"note": "Mine."})
    assert answer.status_code == httpx2.codes.UNPROCESSABLE_CONTENT
    assert "This pattern was changed by automation while you had it open." in text_of(answer)
    now = (await served.get(f"/v1/trusted-patterns/{pattern['id']}")).json()
    assert (now["max_per_day"], now["note"]) == (3, "")


async def test_an_edit_that_is_no_pattern_stays_in_the_form(served: Stack, enter: Enter) -> None:
    """With what was typed, and the pattern as it was."""
    pattern = await make_pattern(served, add_agent(served))
    client = await enter(ADMIN)
    shown = values(await client.get(f"/patterns/{pattern['id']}/edit"))
    answer = await client.post(f"/patterns/{pattern['id']}", data=shown | {"max_per_day": "0"})
    assert answer.status_code == httpx2.codes.UNPROCESSABLE_CONTENT
    assert "Write a whole number from 1 to 1,000,000." in text_of(answer)
    assert values(answer) == shown | {"max_per_day": "0"}
    assert (await served.get(f"/v1/trusted-patterns/{pattern['id']}")).json()["revision"] == 1


async def test_an_edit_is_checked_as_a_change(served: Stack, enter: Enter) -> None:
    """Who answers for the agent may still narrow its pattern, and is told so; to widen it is refused as one types."""
    agent = add_agent(served)
    pattern = await make_pattern(served, f"{agent}-later")
    served.add_key(NewKey(name=f"{agent}-later", role=Role.AGENT, owner=ADMIN))
    client = await enter(ADMIN)
    shown = values(await client.get(f"/patterns/{pattern['id']}/edit"))

    narrowed = await client.post("/patterns/check", data=shown | {"max_per_day": "1"}, headers=HTMX)
    widened = await client.post("/patterns/check", data=shown | {"max_per_day": "1000"}, headers=HTMX)
    assert "Fine." in text_of(narrowed)
    assert "for whom you answer" in text_of(widened)
    assert (await client.post(f"/patterns/{pattern['id']}", data=shown | {"max_per_day": "1"})).status_code == 303


@pytest.mark.parametrize("approve", [True, False])
async def test_from_an_approval_the_form_is_filled_in_narrowly(served: Stack, enter: Enter, *, approve: bool) -> None:
    """Sent as it stands, it lets the same request through the next time, and not a larger one."""
    agent = add_agent(served)
    approval = await decided(served, agent, 80, "approve" if approve else "reject")
    client = await enter(ADMIN)
    form = await client.get("/patterns/new", params={"from": approval["id"]})
    shown = values(form)
    assert shown["condition"] == (
        "operation.resource_id == '' &&\noperation.parameters.limit > 0 && operation.parameters.limit <= 80 &&\n"
        "operation.parameters.cents == 0"
    )
    assert (shown["max_risk"], shown["max_per_day"], shown["note"]) == (
        "medium",
        "10",
        f"Made from approval {approval['id']}.",
    )
    assert shown["expires_on"] == f"{datetime.now(UTC) + LASTS:%Y-%m-%d}"
    assert f'href="/approvals/{approval["id"]}"' in form.text

    made = await client.post("/patterns", data=shown)
    assert made.status_code == httpx2.codes.SEE_OTHER, made.text
    assert (await export(served, agent, 80))["pattern"]["id"] in made.headers["location"]
    assert (await export(served, agent, 81))["pattern"] is None


async def test_what_a_form_from_an_approval_leaves_open_is_said(served: Stack, enter: Enter) -> None:
    """A risk above medium is left to the admin, and the target that is pinned is named."""
    approval = await served.pending("note.high", by=add_agent(served))
    form = await (await enter(ADMIN)).get("/patterns/new", params={"from": approval["id"]})
    assert values(form)["max_risk"] == ""
    assert "This request was of high risk" in text_of(form)
    assert "It lets through note 7 alone." in text_of(form)


async def test_the_approvals_page_leads_to_the_form(served: Stack, enter: Enter) -> None:
    """«Make a pattern from this», for admins."""
    approval = await decided(served, add_agent(served), 80, "approve")
    for name in (ADMIN, *READ_ONLY):
        page = await (await enter(name)).get(f"/approvals/{approval['id']}")
        assert (f'href="/patterns/new?from={approval["id"]}"' in page.text) is (name == ADMIN)


@pytest.mark.parametrize("name", [ADMIN, REVIEWER, AUDITOR])
@pytest.mark.parametrize("headers", [HTMX, {}], ids=["with scripts", "without"])
async def test_a_backtest_is_a_picture_its_numbers_and_what_was_rejected(
    served: Stack, enter: Enter, name: str, headers: dict[str, str]
) -> None:
    """With the agent's own words, who rejected it, and the way there; for everybody who reads patterns."""
    agent = add_agent(served)
    await decided(served, agent, 40, "approve")
    reason = "Please <b>hurry</b>\u202e, it is safe."
    rejected = await decided(served, agent, 90, "reject", reason=reason)
    await export(served, agent, 50)
    await decided(served, agent, 500, "reject")
    before = await all_patterns(served)

    client = await enter(name)
    answer = await client.post("/patterns/backtest", data=typed(agent), headers=headers)
    assert answer.status_code == httpx2.codes.OK
    told = text_of(answer)
    assert "it would have let 3 through. People rejected 1 of these." in told
    assert "It would let through 3" in told
    assert "People approved 1 33.3 % People rejected 1 33.3 % Nobody decided in time 0 0.0 %" in told
    assert "Not decided by people 1 33.3 % Failed when they ran 0 0.0 %" in told
    assert f'<a href="/approvals/{rejected["id"]}">Export customer</a>' in answer.text
    assert "rejected by ada" in told
    assert f"{agent} said:" in told
    assert "Please &lt;b&gt;hurry&lt;/b&gt;" in answer.text
    assert "\u202e" not in answer.text
    assert answer.text.count('<rect class="rejected"') == 1
    assert ("<html" in answer.text) is (headers == {})
    assert await all_patterns(served) == before


async def test_a_backtest_without_scripts_keeps_the_form(served: Stack, enter: Enter) -> None:
    """What was typed stands there again, above what was found."""
    sent = typed(add_agent(served), note="Not made yet.")
    answer = await (await enter(ADMIN)).post("/patterns/backtest", data=sent)
    shown = values(answer)
    assert {name: shown[name] for name in sent} == sent
    assert "it would have let none through." in text_of(answer)


async def test_a_pattern_is_tried_from_its_own_page(served: Stack, enter: Enter) -> None:
    """By a reviewer too, with one button: its form holds the pattern."""
    agent = add_agent(served)
    await decided(served, agent, 90, "approve")
    pattern = await make_pattern(served, agent, expires_at="2099-01-01T00:00:00Z", note="So.")
    client = await enter(REVIEWER)
    fields = hidden(await client.get(f"/patterns/{pattern['id']}"))
    assert fields["condition"] == EXPORTS["condition"]
    answer = await client.post("/patterns/backtest", data=fields, headers=HTMX)
    assert "it would have let 1 through. People rejected none of it." in text_of(answer)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"agent_id": ""}, "This is no pattern yet, so there is nothing to try. Write an agent's name"),
        ({"condition": "operation.parameters.limit <"}, "Condition: line 1, column 29"),
    ],
)
@pytest.mark.parametrize("headers", [HTMX, {}], ids=["with scripts", "without"])
async def test_what_is_no_pattern_cannot_be_tried(
    served: Stack, enter: Enter, fields: dict[str, str], told: str, headers: dict[str, str]
) -> None:
    """What is wrong with it is said instead."""
    sent = typed(add_agent(served)) | fields
    answer = await (await enter(REVIEWER)).post("/patterns/backtest", data=sent, headers=headers)
    assert answer.status_code == httpx2.codes.UNPROCESSABLE_CONTENT
    assert told in text_of(answer)


async def test_a_patterns_page_has_all_of_it(served: Stack, enter: Enter) -> None:
    """What it lets through, its warnings, its use, and each revision with who changed what."""
    agent = add_agent(served)
    pattern = await make_pattern(served, agent, note="Look <i>here</i>\u200b.")
    await export(served, agent, 5)
    await change(served, pattern, max_per_day=7)
    await (await enter(REVIEWER)).post(f"/patterns/{pattern['id']}/suspend")
    page = await (await enter(AUDITOR)).get(f"/patterns/{pattern['id']}")
    told = text_of(page)
    assert f"{agent} may run data.export on customer , up to medium risk, when {EXPORTS['condition']}" in told
    assert "It never expires." in told
    assert "1 of 7 today" in told
    assert f"3 changed by {REVIEWER} Status active now suspended" in told
    assert "2 changed by automation A day 50 now 7" in told
    assert "1 made by automation" in told
    assert "Look &lt;i&gt;here&lt;/i&gt;" in page.text
    assert "\u200b" not in page.text
    assert f"/audit?actor=pattern%3A{pattern['id']}%403" in page.text


async def test_deleting_asks_first(served: Stack, enter: Enter) -> None:
    """The question changes nothing. A deleted pattern leaves the list; its page still says what it was, and by whom."""
    pattern = await make_pattern(served, add_agent(served))
    client = await enter(ADMIN)
    page = f"/patterns/{pattern['id']}"
    assert "Delete this pattern?" in text_of(await client.get(f"{page}/delete"))
    assert await status_of(served, pattern) == "active"

    answer = await client.post(f"{page}/delete")
    assert (answer.status_code, answer.headers["location"]) == (303, "/patterns")
    assert pattern["id"] not in (await client.get("/patterns")).text
    gone = await client.get(page)
    assert gone.status_code == httpx2.codes.OK
    assert f"Deleted by {ADMIN}" in text_of(gone)
    assert "1 made by automation" in text_of(gone)
    assert not re.search(r"/edit|/activate|/suspend|/backtest", gone.text)
    assert (await client.get(f"{page}/edit")).status_code == httpx2.codes.NOT_FOUND


@pytest.mark.parametrize("path", ["", "/edit", "/delete", "/activate"])
async def test_what_is_no_pattern_has_no_page(enter: Enter, path: str) -> None:
    """404, in words."""
    answer = await (await enter(ADMIN)).get(f"/patterns/00000000-0000-4000-8000-000000000000{path}")
    assert answer.status_code == httpx2.codes.NOT_FOUND
    assert "There is no trusted pattern" in text_of(answer)


async def test_two_who_suspend_at_once_suspend_once(served: Stack, enter: Enter) -> None:
    """The second click finds it done: one revision, and both see it suspended."""
    pattern = await make_pattern(served, add_agent(served))
    clients = [await enter(name) for name in (ADMIN, REVIEWER)]
    answers = await asyncio.gather(*(each.post(f"/patterns/{pattern['id']}/suspend") for each in clients))
    assert [each.status_code for each in answers] == [303, 303]
    revisions = (await served.get(f"/v1/trusted-patterns/{pattern['id']}/revisions")).json()["items"]
    assert [each["status"] for each in revisions] == ["active", "suspended"]
