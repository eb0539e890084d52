"""Pause and resume in the dashboard, and what every page says meanwhile."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.api.answers import problem
from tests.dashboard.visitors import Enter, row, text_of
from tests.support.stack import Stack
from tests.support.team import ADMIN, AUDITOR, REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")

REASON = "The provider is down."


async def in_force(stack: Stack) -> list[dict[str, Any]]:
    """Return the pauses that hold."""
    items: list[dict[str, Any]] = (await stack.get("/v1/pauses", by="auditor")).json()["items"]
    return items


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _resumed(served: Stack) -> AsyncIterator[None]:
    yield
    for pause in await in_force(served):
        scope = {name: pause[name] for name in ("agent_id", "operation_type")}
        await served.http.post("/v1/resume", headers=served.bearer("admin"), json=scope)


@pytest.mark.parametrize(
    ("scope", "fields", "named"),
    [
        ("everything", (None, None), "Everything"),
        ("agent:agent", ("agent", None), "Agent agent"),
        ("type:note.low", (None, "note.low"), "note.low"),
    ],
)
async def test_an_admin_pauses_and_resumes(
    served: Stack, enter: Enter, scope: str, fields: tuple[str | None, str | None], named: str
) -> None:
    """It holds from the answer on, is listed with who, when and why, said on every page, and ends with one press."""
    admin, reviewer = await enter(ADMIN), await enter(REVIEWER)
    paused = await admin.post("/pauses", data={"scope": scope, "reason": REASON})
    assert (paused.status_code, paused.headers["location"]) == (httpx2.codes.SEE_OTHER, "/people#pause")
    (held,) = await in_force(served)
    assert (held["agent_id"], held["operation_type"]) == fields
    assert (held["reason"], held["started_by"]) == (REASON, f"admin:{ADMIN}")
    problem(await served.submit(), 503, "paused")
    page = await admin.get("/people")
    assert row(page, named).endswith(f"ago {ADMIN} {REASON} Resume")
    assert f'<input type="hidden" name="scope" value="{scope}">' in page.text
    for path in ("/", "/you", "/history"):
        assert f"paused by {ADMIN}" in text_of(await reviewer.get(path)).lower()
    resumed = await admin.post("/pauses/resume", data={"scope": scope})
    assert (resumed.status_code, resumed.headers["location"]) == (httpx2.codes.SEE_OTHER, "/people#pause")
    assert await in_force(served) == []
    assert "Nothing is paused." in text_of(await admin.get("/people"))
    assert f"paused by {ADMIN}" not in text_of(await reviewer.get("/")).lower()
    assert (await served.submit()).is_success


async def test_what_can_be_paused_is_offered(enter: Enter) -> None:
    """Everything, each agent that has a key, each declared type; nothing is chosen beforehand."""
    page = (await (await enter(ADMIN)).get("/people")).text
    choice = page[page.index('<select name="scope"') : page.index("</select>", page.index('<select name="scope"'))]
    for value in ("everything", "agent:agent", "agent:other-agent", "type:note.low", "type:data.export"):
        assert f'value="{value}"' in choice
    assert "agent:ada" not in choice
    assert "selected" not in choice
    assert choice.index('value=""') < choice.index('value="everything"')


@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        ("", REASON),
        ("nonsense", REASON),
        ("agent:", REASON),
        ("type:", REASON),
        ("unknown:x", REASON),
        ("everything", "   "),
        ("everything", "x" * 1001),
    ],
)
async def test_a_pause_that_makes_no_sense_is_refused(served: Stack, enter: Enter, scope: str, reason: str) -> None:
    """422 with a sentence, what was typed stands there again, and nothing is paused."""
    page = await (await enter(ADMIN)).post("/pauses", data={"scope": scope, "reason": reason})
    assert page.status_code == 422
    assert "Choose what to pause, and say why in 1 to 1,000 characters" in text_of(page)
    assert reason.strip() in page.text
    assert await in_force(served) == []


async def test_a_reason_of_many_lines_is_measured_as_typed(served: Stack, enter: Enter) -> None:
    """A browser sends a line break as two characters, and counts it as one."""
    reason = "\n".join(["x"] * 500)
    answer = await (await enter(ADMIN)).post(
        "/pauses", data={"scope": "everything", "reason": reason.replace("\n", "\r\n")}
    )
    assert answer.status_code == httpx2.codes.SEE_OTHER
    assert [pause["reason"] for pause in await in_force(served)] == [reason]


async def test_what_is_paused_already_says_so(served: Stack, enter: Enter) -> None:
    """409 with who has paused it and why; the first pause stays."""
    admin = await enter(ADMIN)
    await admin.post("/pauses", data={"scope": "type:note.low", "reason": REASON})
    page = await admin.post("/pauses", data={"scope": "type:note.low", "reason": "Again."})
    assert page.status_code == 409
    assert f"by admin:{ADMIN} since" in text_of(page)
    assert '<option value="type:note.low" selected>' in page.text
    assert [pause["reason"] for pause in await in_force(served)] == [REASON]


async def test_what_is_not_paused_any_more_says_so(enter: Enter) -> None:
    """Whoever presses Resume second is told, and sees what is paused now."""
    admin = await enter(ADMIN)
    for scope in ("everything", "agent:agent", "nonsense"):
        page = await admin.post("/pauses/resume", data={"scope": scope})
        assert page.status_code == 404
        assert "That is not paused any more." in text_of(page)


async def test_nobody_else_pauses_or_resumes(served: Stack, enter: Enter) -> None:
    """403 for a reviewer and an auditor; the auditor reads what is paused."""
    await (await enter(ADMIN)).post("/pauses", data={"scope": "everything", "reason": REASON})
    for name in (REVIEWER, AUDITOR):
        client = await enter(name)
        for path, fields in (
            ("/pauses", {"scope": "agent:agent", "reason": REASON}),
            ("/pauses/resume", {"scope": "everything"}),
        ):
            assert (await client.post(path, data=fields)).status_code == httpx2.codes.FORBIDDEN
    assert len(await in_force(served)) == 1
    page = await (await enter(AUDITOR)).get("/people")
    assert row(page, "Everything").endswith(REASON)
    assert "/pauses" not in page.text


async def test_a_reason_is_shown_as_text(enter: Enter) -> None:
    """Markup and hidden characters in it are shown as what they are, in the list and in the banner."""
    admin = await enter(ADMIN)
    await admin.post("/pauses", data={"scope": "everything", "reason": "<script>x</script>\u202e"})
    page = (await admin.get("/people")).text
    assert "<script>x" not in page
    assert page.count("&lt;script&gt;x&lt;/script&gt;") == 2
    assert page.count("U+202E") >= 2
