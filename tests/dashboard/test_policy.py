"""The policy page: the rules in force, what is wrong with the file, and the form that tries a request."""

import os
import time
from pathlib import Path

import pytest

from assent.models import NewKey, Role
from config.policy_file import SETTLED_SECONDS
from tests.api.policies import add_agent, make_pattern
from tests.dashboard.visitors import Enter, add_quickly, text_of, visitor_of
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import OPERATIONS, Stack, make_settings, open_stack
from tests.support.team import ADMIN, AUDITOR, REVIEWER
from tests.support.temporal import TemporalServer, connect

pytestmark = pytest.mark.asyncio(loop_scope="module")

HTMX = {"HX-Request": "true"}
EXPORT = {"operation_type": "data.export", "parameters": '{"limit": 99}'}


def typed(agent: str, **fields: str) -> dict[str, str]:
    """Return the form that asks for an export of 99 customers, with some fields changed."""
    return EXPORT | {"agent_id": agent} | fields


async def record(stack: Stack) -> tuple[object, object]:
    """Return the newest approvals and the whole log."""
    approvals = (await stack.get("/v1/approvals")).json()
    return approvals, (await stack.get("/v1/audit", limit=1000)).json()["items"]


@pytest.mark.parametrize("who", [REVIEWER, ADMIN, AUDITOR])
async def test_everybody_reads_the_rules(served: Stack, enter: Enter, who: str) -> None:
    """Each rule at its own address, with its sentence, condition and reason; the times; the operations; the version."""
    page = await (await enter(who)).get("/policy")
    assert page.status_code == 200
    version = served.policy.current().version
    assert f'<code title="{version}">{version[:12]}</code>' in page.text
    for name in ("allowed-notes", "denied-notes", "guarded-notes", "large-exports"):
        assert f'id="rule-{name}"' in page.text
    told = text_of(page)
    assert "When the operation is note.denied : it is denied." in told
    assert "operation.parameters.limit > 1000" in told
    assert "Reviewers read: Nobody writes such notes." in told
    assert "Low 1 d Medium 12 h High 4 h Critical 1 h" in told
    assert "note.brief note internal Low 1 1 min" in told
    assert "The file as it stands was refused" not in told


async def test_a_file_that_was_refused_is_told_loudly(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    """With what is wrong in it, and the rules that stay in force."""
    file = tmp_path / "assent.yaml"
    file.write_text(OPERATIONS.read_text("utf-8"), "utf-8")
    settings = make_settings(tmp_path, sqlite_template.copy(tmp_path / "assent.db"), "policy-page").model_copy(
        update={"config": file}
    )
    async with open_stack(settings, await connect(temporal_server)) as stack:
        add_quickly(stack, "wilma")
        file.write_text(
            OPERATIONS.read_text("utf-8").replace("parameters.limit > 1000", "params.limit > 1000"), "utf-8"
        )
        settled = time.time() - 2 * SETTLED_SECONDS
        os.utime(file, (settled, settled))
        async with visitor_of(stack, "wilma") as wilma:
            page = await wilma.get("/policy")
    told = text_of(page)
    assert "The file as it stands was refused." in told
    assert "`operation` has no `params`" in told
    assert "operation.parameters.limit > 1000" in told


@pytest.mark.parametrize("who", [REVIEWER, ADMIN, AUDITOR])
async def test_a_trial_explains_and_stores_nothing(served: Stack, enter: Enter, who: str) -> None:
    """What would happen, why, by when, and by which rules; all whom the page is for may try as any agent."""
    visitor = await enter(who)
    before = await record(served)
    page = await visitor.post("/policy/try", data=typed("agent", parameters='{"limit": 1001}'))
    assert page.status_code == 200
    told = text_of(page)
    assert "2 people must approve. Reviewers have 1 h to decide." in told
    assert "Rule large-exports matches." in told
    assert "3 do not match" in told
    assert '<a class="chip" href="#rule-large-exports">' in page.text
    assert await record(served) == before


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"operation_type": "note.denied", "parameters": ""}, "Policy denies it. Nobody is asked, and nothing runs."),
        ({"operation_type": "note.allowed", "parameters": ""}, "Policy lets it through. Nobody is asked"),
        ({"operation_type": "note.guarded", "parameters": ""}, "A person is asked. Reviewers have 1 d to decide."),
        ({}, "No rule matches, so it counts as medium risk. Rules None matches."),
        ({"parameters": '{"limit": "99"}'}, "large-exports could not be evaluated, so it counts in full:"),
    ],
)
async def test_each_verdict_is_said_in_words(enter: Enter, fields: dict[str, str], said: str) -> None:
    """Deny, allow, ask; no rule at all; a rule that failed."""
    page = await (await enter(REVIEWER)).post("/policy/try", data=typed("agent", **fields))
    assert said in text_of(page)


async def test_a_trusted_pattern_that_would_let_it_through_is_linked(served: Stack, enter: Enter) -> None:
    """For its agent, and for no other."""
    agent = add_agent(served)
    pattern = await make_pattern(served, agent)
    visitor = await enter(REVIEWER)
    let_through = await visitor.post("/policy/try", data=typed(agent))
    assert "A trusted pattern lets it through. Nobody is asked" in text_of(let_through)
    assert f'href="/patterns/{pattern["id"]}"' in let_through.text
    other = await visitor.post("/policy/try", data=typed("agent"))
    assert "A person is asked." in text_of(other)
    assert pattern["id"] not in other.text


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"parameters": '{"limit": 1, "limit": 2}'}, "parameters", "The key &#34;limit&#34; is there twice"),
        ({"context": '{"a": NaN}'}, "context", "NaN is not JSON"),
        ({"operation_type": ""}, "operation_type", "Choose an operation."),
        ({"agent_id": ""}, "agent_id", "Name the agent"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    enter: Enter, fields: dict[str, str], field: str, said: str
) -> None:
    """And all that was typed stays."""
    form = typed("agent", resource_id="<7>", **{"context": '{"b": "</textarea>"}'} | fields)
    page = await (await enter(REVIEWER)).post("/policy/try", data=form)
    assert page.status_code == 422
    beside = page.text.split(f'id="a-{field}">')[1].split("</small>")[0]
    assert said in beside
    assert 'value="&lt;7&gt;"' in page.text
    if field != "context":
        assert "{&#34;b&#34;: &#34;&lt;/textarea&gt;&#34;}</textarea>" in page.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"parameters": '{"limit": []}'}, "limit"),
        ({"resource_type": "note"}, "note"),
    ],
)
async def test_what_could_not_be_submitted_cannot_be_tried(enter: Enter, fields: dict[str, str], said: str) -> None:
    """The page says why, as the API would say it."""
    page = await (await enter(REVIEWER)).post("/policy/try", data=typed("agent", **fields), headers=HTMX)
    assert page.status_code == 422
    notice = page.text.split('<p class="notice bad gap">')[1].split("</p>")[0]
    assert said in notice


async def test_a_script_gets_the_form_alone(enter: Enter) -> None:
    """And whoever loads the address of a result again gets the page."""
    visitor = await enter(REVIEWER)
    part = await visitor.post("/policy/try", data=typed("agent"), headers=HTMX)
    assert part.text.startswith('<section class="card" id="try"')
    assert "A person is asked." in text_of(part)
    again = await visitor.get("/policy/try")
    assert (again.status_code, again.headers["location"]) == (303, "/policy#try")


async def test_agents_are_proposed_to_those_who_may_list_keys(served: Stack, enter: Enter) -> None:
    """A reviewer types the name."""
    served.add_key(NewKey(name="proposed-agent", role=Role.AGENT))
    seen = {
        who: '<option value="proposed-agent">' in (await (await enter(who)).get("/policy")).text
        for who in (REVIEWER, ADMIN, AUDITOR)
    }
    assert seen == {REVIEWER: False, ADMIN: True, AUDITOR: True}
