"""The audit page: the log newest first, followed by approval, person, event and day, and given as a file."""

import csv
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from assent.models import AuditEvent as AuditLine
from assent.models import NewKey, Role
from dashboard.routes.audit import PAGE, Followed
from dashboard.views.audit_rows import days_of
from domain.audit import Action, AuditEvent
from storage.audit import append_event
from tests.dashboard.visitors import Enter, text_of
from tests.support.stack import Stack
from tests.support.team import ADMIN, AUDITOR, REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def tell(stack: Stack, number: int, *, actor: str = "agent:counter", at: datetime = NOON, **details: Any) -> None:  # noqa: ANN401  any JSON
    """Write an event as the service would."""
    told = AuditEvent(event_id=f"{actor}-{number}", at=at, actor=actor, action=Action.ACCESS_REFUSED, details=details)
    with stack.database.write() as connection:
        append_event(connection, told)


def row(**details: Any) -> list[tuple[str, str, bool, bool]]:  # noqa: ANN401  as above
    """Return the details of a line as the page shows them."""
    line = AuditLine(id="e-1", at=NOON, actor="reviewer:ada", action="key.created", details=details)
    return [(one.label, one.text, one.is_long, one.is_digest) for one in days_of([line])[0].rows[0].details]


@pytest.mark.parametrize("who", [REVIEWER, ADMIN, AUDITOR])
async def test_everybody_reads_it_newest_first(served: Stack, enter: Enter, who: str) -> None:
    """Each line with its time, what, who, the approval, and the rest of what it tells."""
    approval = await served.pending("note.high")
    await served.decide(approval, digest="0" * 64)
    await served.decide(approval, "reject")
    page = await (await enter(who)).get("/audit", params={"approval_id": approval["id"]})
    assert page.status_code == 200
    told = re.findall(r'<b title="([^"]*)">([^<]*)</b>', page.text)
    assert told == [
        ("approval.rejected", "Rejected"),
        ("decision.recorded", "Decision recorded"),
        ("decision.refused", "Decision refused"),
        ("approval.requested", "Requested"),
    ]
    assert "ada reviewer" in text_of(page)
    assert f'href="/approvals/{approval["id"]}"' in page.text
    assert f'<code title="{approval["digest"]}">{approval["digest"][:12]}</code>' in page.text
    assert "operation note.high" in text_of(page)


async def test_one_approval_and_one_person_are_followed(served: Stack, enter: Enter) -> None:
    """By links that keep the other filters."""
    served.add_key(NewKey(name="watched", role=Role.AGENT))
    first, second = [await served.pending(by="watched") for _ in range(2)]
    visitor = await enter(REVIEWER)
    person = await visitor.get("/audit", params={"actor": "agent:watched"})
    assert first["id"] in person.text
    assert second["id"] in person.text
    link = f'href="/audit?approval_id={first["id"]}&amp;actor=agent%3Awatched"'
    assert link in person.text
    both = await visitor.get("/audit", params={"actor": "agent:watched", "approval_id": first["id"]})
    assert first["id"] in both.text
    assert second["id"] not in both.text


async def test_events_and_days_are_filters_too(served: Stack, enter: Enter) -> None:
    """Both days are included, in UTC; an event that does not exist, or a name without its role, finds nothing."""
    for number, at in enumerate((NOON, NOON + timedelta(days=1), NOON + timedelta(days=2, hours=11.99))):
        tell(served, number, actor="agent:daily", at=at, path=f"/day-{number}")
    visitor = await enter(AUDITOR)

    async def days(**filters: str) -> list[int]:
        page = await visitor.get("/audit", params={"actor": "agent:daily", **filters})
        return [number for number in (0, 1, 2) if f"/day-{number}" in page.text]

    assert await days() == [0, 1, 2]
    assert await days(since="", until="", action="") == [0, 1, 2]
    assert await days(since="2026-03-03") == [1, 2]
    assert await days(until="2026-03-03") == [0, 1]
    assert await days(since="2026-03-03", until="2026-03-03") == [1]
    assert await days(since="0001-01-01", until="9999-12-31", action="access.refused") == [0, 1, 2]
    assert await days(action="key.created") == []
    assert await days(action="no.such") == []
    nobody = await visitor.get("/audit", params={"actor": "daily"})
    assert "Nothing in the log matches." in nobody.text
    assert 'href="/audit?actor=agent%3Adaily"' in nobody.text
    assert (await visitor.get("/audit", params={"since": "yesterday"})).status_code == 422


async def test_pages_lead_to_older_lines(served: Stack, enter: Enter) -> None:
    """Every line once, with the filters kept, and back to the newest."""
    for number in range(PAGE + 5):
        tell(served, number, path=f"/number-{number:03}")
    visitor = await enter(REVIEWER)
    first = await visitor.get("/audit", params={"actor": "agent:counter"})
    older = first.text.split('<p class="more">')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    second = await visitor.get(older)
    seen = [[number for number in range(PAGE + 5) if f"/number-{number:03}" in page.text] for page in (first, second)]
    assert seen == [list(range(5, PAGE + 5)), list(range(5))]
    assert ">Older</a>" not in second.text
    assert 'href="/audit?actor=agent%3Acounter">Newest</a>' in second.text
    assert (await visitor.get("/audit", params={"cursor": "x"})).status_code == 422


async def test_the_log_is_given_as_files(served: Stack, enter: Enter) -> None:
    """With the page's filters, oldest first, under a name with the day; no cell of the table is a formula."""
    for number in (1, 2):
        tell(served, number, actor="=exported", path=f"<b>{number}")
    visitor = await enter(AUDITOR)
    page = await visitor.get("/audit", params={"actor": "=exported"})
    day = datetime.now(UTC).date()
    for ending, kind in (("csv", "text/csv; charset=utf-8"), ("jsonl", "application/x-ndjson")):
        assert f'href="/audit.{ending}?actor=%3Dexported"' in page.text
        file = await visitor.get(f"/audit.{ending}", params={"actor": "=exported"})
        assert file.headers["content-type"] == kind
        named = {f'attachment; filename="assent-audit-{each}.{ending}"' for each in (day, datetime.now(UTC).date())}
        assert file.headers["content-disposition"] in named
        if ending == "csv":
            rows = list(csv.DictReader(io.StringIO(file.text)))
            told = [(each["actor"], json.loads(each["details"])["path"]) for each in rows]
            assert told == [("'=exported", "<b>1"), ("'=exported", "<b>2")]
        else:
            lines = [json.loads(line) for line in file.text.splitlines()]
            assert lines == (await served.get("/v1/audit", actor="=exported")).json()["items"]
    everything = await visitor.get("/audit.csv", params={"action": "key.created"})
    assert len(list(csv.DictReader(io.StringIO(everything.text)))) >= 5
    assert "<b>" not in page.text.split('<div class="log-more">')[1]


async def test_nobody_else_gets_it(served: Stack) -> None:
    """Whoever is not signed in is led to the door, also for the files."""
    for path in ("/audit", "/audit.csv", "/audit.jsonl"):
        answer = await served.http.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")


async def test_details_are_readable() -> None:
    """Lists as words, digests by their beginning, sentences for refusals, and what is long behind a summary."""
    assert row(decision_id="d-1", outcome_unknown=False, owner=None, attempts=2) == [
        ("decision id", "d-1", False, False),
        ("outcome unknown", "no", False, False),
        ("owner", "none", False, False),
        ("attempts", "2", False, False),
    ]
    assert row(rules=["a", "b"], none=[]) == [("rules", "a, b", False, False), ("none", "none", False, False)]
    assert row(version="0" * 64) == [("version", "0" * 64, False, True)]
    assert row(refusal="wrong_digest")[0][1].endswith(".")
    assert row(refusal="unheard_of") == [("refusal", "unheard_of", False, False)]
    assert row(note="x" * 91) == [("note", "x" * 91, True, False)]
    assert row(note="x\ny") == [("note", "x\ny", True, False)]
    ((label, text, is_long, _),) = row(rules=[{"name": "n" * 90}])
    assert (label, json.loads(text), is_long) == ("rules", [{"name": "n" * 90}], True)
    assert row(timeouts={"low": 60}) == [("timeouts", '{"low": 60}', False, False)]


async def test_lines_stand_under_their_day() -> None:
    """In the log's own order, by UTC days."""
    lines = [
        AuditLine(id=str(number), at=at, actor="system:worker", action="policy.loaded")
        for number, at in enumerate((NOON, NOON - timedelta(hours=12), NOON - timedelta(hours=12, seconds=1)))
    ]
    assert [(day.day, [each.line.id for each in day.rows]) for day in days_of(lines)] == [
        (date(2026, 3, 2), ["0", "1"]),
        (date(2026, 3, 1), ["2"]),
    ]


async def test_a_name_alone_may_be_anybody() -> None:
    """The log has each with a role, so all that it may mean are proposed."""
    assert Followed(actor=" ada ").likely_actors == ("reviewer:ada", "admin:ada", "auditor:ada", "agent:ada")
    assert Followed(actor="agent:ada").likely_actors == ()
    assert Followed().likely_actors == ()
