"""Keys: proving who calls, making them, and revoking them at once."""

import asyncio
import re
from datetime import datetime
from typing import Any

import httpx2
import pytest
from temporalio.api.enums.v1 import EventType

from assent.models import NewKey, Role
from domain.approval import workflow_id_of
from tests.api.answers import events, problem, shown
from tests.api.workers import production_worker
from tests.support.eventually import eventually
from tests.support.runs import starts
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRITTEN = re.compile(r"asn_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
NOBODY = "00000000-0000-4000-8000-000000000000"
ROUTES = [
    ("POST", "/v1/approvals", {"nonsense": 1}),
    ("GET", "/v1/approvals?status=nonsense&limit=0", None),
    ("GET", f"/v1/approvals/{NOBODY}?wait=nonsense", None),
    ("GET", f"/v1/approvals/{'x' * 65}", None),
    ("GET", f"/v1/approvals/{NOBODY}/events", None),
    ("POST", f"/v1/approvals/{NOBODY}/decisions", {"outcome": "nonsense"}),
    ("POST", f"/v1/approvals/{NOBODY}/cancel", None),
    ("POST", "/v1/keys", {"name": "Nonsense"}),
    ("GET", "/v1/keys", None),
    ("DELETE", f"/v1/keys/{'x' * 33}", None),
    ("GET", "/v1/audit?action=nonsense", None),
]


async def make(stack: Stack, *, by: str = "admin", **wanted: Any) -> httpx2.Response:  # noqa: ANN401  any JSON
    """Ask for a key."""
    return await stack.http.post("/v1/keys", headers=stack.bearer(by), json=wanted)


async def revoke(stack: Stack, name: str, *, by: str = "admin") -> httpx2.Response:
    """Revoke the key of this name."""
    return await stack.http.delete(f"/v1/keys/{stack.key_ids[name]}", headers=stack.bearer(by))


async def key_events(stack: Stack, action: str, name: str) -> list[dict[str, Any]]:
    """Return the audit events of one kind about the key of this name."""
    found = (await stack.get("/v1/audit", by="auditor", action=action, limit=1000)).json()["items"]
    return [event for event in found if event["details"]["name"] == name]


async def test_a_key_is_shown_once(served: Stack) -> None:
    """201 with the key, which works; no list and no log ever has it again."""
    answer = await make(served, name="new.agent-1", role="agent", owner="olga")
    assert answer.status_code == httpx2.codes.CREATED, answer.text
    made = answer.json()
    written = made.pop("key")
    match = WRITTEN.fullmatch(written)
    assert match is not None
    assert match[1] == made["id"]
    assert datetime.fromisoformat(made.pop("created_at")).tzinfo is not None
    assert made == {
        "id": match[1],
        "name": "new.agent-1",
        "role": "agent",
        "owner": "olga",
        "created_by": "admin:automation",
        "revoked_at": None,
    }
    served.keys["new.agent-1"] = written
    assert (await served.pending(by="new.agent-1"))["agent_id"] == "new.agent-1"

    listed = await served.get("/v1/keys", by="admin")
    (item,) = [key for key in listed.json()["items"] if key["name"] == "new.agent-1"]
    assert item.keys() == {"id", "name", "role", "owner", "created_at", "created_by", "revoked_at"}
    assert {key["name"] for key in listed.json()["items"]} >= {"agent", "ada", "bob", "auditor", "new.agent-1"}
    (told,) = await key_events(served, "key.created", "new.agent-1")
    assert (told["actor"], told["approval_id"]) == ("admin:automation", None)
    assert told["details"] == {"key_id": match[1], "name": "new.agent-1", "role": "agent", "owner": "olga"}
    secret = written.rsplit(match[1] + "_", 1)[1]
    assert secret not in listed.text + str(told)


async def test_a_name_is_used_once_for_ever(served: Stack) -> None:
    """409 while the key works and after it was revoked, whatever the role."""
    made = (await make(served, name="unique", role="agent")).json()
    problem(await make(served, name="unique", role="agent"), 409, "name-taken")
    problem(await make(served, name="unique", role="reviewer"), 409, "name-taken")
    await served.http.delete(f"/v1/keys/{made['id']}", headers=served.bearer("admin"))
    problem(await make(served, name="unique", role="agent"), 409, "name-taken")
    assert len(await key_events(served, "key.created", "unique")) == 1


async def test_of_two_who_want_a_name_one_gets_it(served: Stack) -> None:
    """Asked for at the same time, it is made once."""
    answers = await asyncio.gather(*(make(served, name="wanted", role="agent") for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_the_platforms_name_is_reserved(served: Stack) -> None:
    """`automation` is the name of ASSENT_ADMIN_KEY and of nothing else."""
    told = problem(await make(served, name="automation", role="admin"), 409, "name-taken")
    assert "automation" in told["detail"]
    listed = (await served.get("/v1/keys", by="admin")).json()["items"]
    assert "automation" not in [key["name"] for key in listed]


@pytest.mark.parametrize(
    "name", ["", "A", "-a", ".a", "_a", "a b", "a/b", "é", "a\n", "a" * 64, "a:b", "\u0430", None, 1]
)
async def test_a_name_keeps_to_its_pattern(served: Stack, name: object) -> None:
    """`[a-z0-9][a-z0-9._-]{0,62}`, for the owner's name as well; anything else is a 422."""
    problem(await make(served, name=name, role="agent"), 422, "invalid-request")
    if name is not None:
        problem(await make(served, name="pattern", role="agent", owner=name), 422, "invalid-request")


@pytest.mark.parametrize("name", ["0", "a" * 63, "9._-"])
async def test_the_pattern_is_inclusive(served: Stack, name: str) -> None:
    """One to sixty-three characters."""
    assert (await make(served, name=name, role="auditor", owner=name)).status_code == httpx2.codes.CREATED


@pytest.mark.parametrize(
    "wanted",
    [{"role": "root"}, {"role": "Admin"}, {"role": None}, {"key": "asn_x"}, {"id": "x"}, {"created_by": "admin:me"}],
    ids=str,
)
async def test_a_key_says_nothing_else(served: Stack, wanted: dict[str, Any]) -> None:
    """Unknown roles and unknown fields are a 422, and no key comes of it."""
    problem(await make(served, **({"name": "nothing-else", "role": "agent"} | wanted)), 422, "invalid-request")
    assert await key_events(served, "key.created", "nothing-else") == []


@pytest.mark.parametrize("name", ["agent", "ada", "auditor"])
async def test_only_admins_manage_keys(served: Stack, name: str) -> None:
    """403 for making, listing and revoking, one's own key included; nothing changes. An auditor lists them as well."""
    problem(await make(served, by=name, name=f"made-by-{name}", role="admin"), 403, "role-not-allowed")
    if name != "auditor":
        problem(await served.get("/v1/keys", by=name), 403, "role-not-allowed")
    problem(await revoke(served, name, by=name), 403, "role-not-allowed")
    problem(await revoke(served, "bob", by=name), 403, "role-not-allowed")
    listed = (await served.get("/v1/keys", by="auditor")).json()["items"]
    assert {key["revoked_at"] for key in listed if key["name"] in (name, "bob")} == {None}
    assert f"made-by-{name}" not in [key["name"] for key in listed]


async def test_an_admins_own_key_manages_keys_too(served: Stack) -> None:
    """A key with the role admin is as good as the platform's, until it is revoked."""
    served.add_key(NewKey(name="root", role=Role.ADMIN))
    made = await make(served, by="root", name="made-by-root", role="reviewer")
    assert made.json()["created_by"] == "admin:root"
    assert (await revoke(served, "root", by="root")).is_success
    problem(await make(served, by="root", name="made-late", role="reviewer"), 401, "not-authenticated")


async def test_a_revoked_key_is_refused_at_once(served: Stack) -> None:
    """200 with the time, and from then on 401; revoking again changes nothing; the log has it once."""
    served.add_key(NewKey(name="leaked", role=Role.REVIEWER))
    assert (await served.get("/v1/approvals", by="leaked")).is_success
    revoked = await revoke(served, "leaked")
    assert revoked.status_code == httpx2.codes.OK, revoked.text
    assert revoked.json()["revoked_at"] is not None
    assert "key" not in revoked.json()
    problem(await served.get("/v1/approvals", by="leaked"), 401, "not-authenticated")
    again = await revoke(served, "leaked")
    assert (again.status_code, again.json()) == (httpx2.codes.OK, revoked.json())
    (told,) = await key_events(served, "key.revoked", "leaked")
    assert (told["actor"], told["details"]["key_id"]) == ("admin:automation", served.key_ids["leaked"])


@pytest.mark.parametrize(("key_id", "status"), [("0123456789abcdef", 404), ("x", 404), ("%00", 422), ("x" * 33, 422)])
async def test_a_key_that_is_not_there_cannot_be_revoked(served: Stack, key_id: str, status: int) -> None:
    """404, or 422 for what cannot even be looked for."""
    answer = await served.http.delete(f"/v1/keys/{key_id}", headers=served.bearer("admin"))
    problem(answer, status, "key-not-found" if status == httpx2.codes.NOT_FOUND else "invalid-request")


async def test_what_a_revoked_agent_has_pending_is_cancelled(served: Stack) -> None:
    """All of it, by `system:revoked-key`; what others asked for, and what it asked for before, stays."""
    served.add_key(NewKey(name="thief", role=Role.AGENT))
    rejected = await served.pending(by="thief")
    await served.decide(rejected, "reject")
    pending = [await served.pending(level, by="thief") for level in ("note.low", "note.critical", "note.quorum")]
    await served.decide(pending[2])
    other = await served.pending()
    await revoke(served, "thief")
    for approval in pending:
        ended = await served.ended(approval)
        assert (ended["status"], ended["decided_by"]) == ("cancelled", ["system:revoked-key"])
        assert starts(approval["id"]) == 0
        (told,) = await events(served, approval, "approval.cancelled")
        assert told["actor"] == "system:revoked-key"
    assert (await shown(served, rejected))["status"] == "rejected"
    assert await shown(served, other, by="agent") == other


async def test_what_a_revoked_agent_has_approved_and_not_started_never_runs(unattended: Stack) -> None:
    """Approved a moment before the revocation, it is refused when it would run: failed, and nothing started."""
    unattended.add_key(NewKey(name="late-thief", role=Role.AGENT))
    async with production_worker(unattended):
        approval = await unattended.pending(by="late-thief")
    deciding = asyncio.create_task(unattended.decide(approval))
    await eventually("the decision is on its way", lambda: _signals(unattended, approval))
    await revoke(unattended, "late-thief")
    async with production_worker(unattended):
        ended = await unattended.ended(approval)
    assert (await deciding).is_success
    assert (ended["status"], ended["decided_by"]) == ("failed", ["reviewer:ada"])
    assert ended["execution"] is None or ended["execution"]["started_at"] is None
    assert starts(approval["id"]) == 0
    (told,) = await events(unattended, approval, "execution.refused")
    assert told["details"]["refusal"] == "The key of late-thief was revoked."


async def _signals(stack: Stack, approval: dict[str, Any]) -> int:
    history = await stack.temporal.get_workflow_handle(workflow_id_of(approval["id"])).fetch_history()
    signalled = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    return sum(event.event_type == signalled for event in history.events)


async def test_whoever_has_no_valid_key_hears_the_same(served: Stack) -> None:
    """Nothing, another scheme, nonsense, a made-up key, a wrong secret, a revoked key: 401 in the same words."""
    served.add_key(NewKey(name="gone", role=Role.AGENT))
    await revoke(served, "gone")
    key = served.keys["ada"]
    tokens = {
        "made up": f"asn_{'0' * 16}_{'A' * 43}",
        "a wrong secret": f"asn_{served.key_ids['ada']}_{'A' * 43}",
        "another one's secret": f"asn_{served.key_ids['ada']}_{served.keys['bob'].split('_', 2)[2]}",
        "one character less": key[:-1],
        "one character more": f"{key}A",
        "in capitals": key.upper(),
        "only the secret": key.split("_", 2)[2],
        "revoked": served.keys["gone"],
        "nonsense": "x",
        "almost the admin's": served.keys["admin"][:-1],
        "a hash": "0" * 64,
        "very long": "x" * 5000,
        "two": f"{key} {key}",
    }
    sent: list[list[tuple[bytes, bytes]]] = [
        [],
        [(b"Authorization", b"")],
        [(b"Authorization", b"Bearer")],
        [(b"Authorization", key.encode())],
        [(b"Authorization", f"Basic {key}".encode())],
        [(b"Authorization", b"Bearer \xff\xfe\xc3\xa9")],
        [(b"X-API-Key", key.encode())],
        [(b"Cookie", f"Authorization=Bearer {key}".encode())],
        *([(b"Authorization", f"Bearer {token}".encode())] for token in tokens.values()),
    ]
    answers = [await served.http.get("/v1/approvals", headers=headers) for headers in sent]
    answers.append(await served.http.get("/v1/approvals", params={"key": key, "access_token": key}))
    for answer in answers:
        problem(answer, 401, "not-authenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_who_calls_is_asked_before_anything_else(
    served: Stack, method: str, path: str, body: dict[str, Any] | None
) -> None:
    """Without a valid key every route answers 401, whatever is wrong beside that."""
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = await served.http.request(method, path, headers=headers, json=body)
        problem(answer, 401, "not-authenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_platforms_key_is_an_admin_named_automation(served: Stack) -> None:
    """ASSENT_ADMIN_KEY submits, decides, makes keys and reads all under that name."""
    mine = await served.pending(by="admin")
    assert mine["agent_id"] == "automation"
    approval = await served.pending()
    decided = await served.decide(approval, "reject", by="admin")
    assert decided.json()["decided_by"] == ["reviewer:automation"]
    (told,) = await events(served, approval, "decision.recorded")
    assert told["actor"] == "admin:automation"
