"""Trusted patterns over HTTP: who makes, widens and suspends them, and what each change is told of."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from assent.models import NewKey, Role
from tests.api.answers import events, problem
from tests.api.policies import EXPORTS, add_agent, assessed_as, change, decider, export, make_pattern, post
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLAIMS = {"condition": "context.records < 100"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def pattern_events(stack: Stack, pattern: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the audit events about one pattern, in order."""
    found: list[dict[str, Any]] = []
    for action in ("pattern.created", "pattern.changed", "pattern.suspended", "pattern.deleted"):
        told = (await stack.get("/v1/audit", by="auditor", action=action, limit=1000)).json()["items"]
        found += [event for event in told if event["details"]["pattern_id"] == pattern["id"]]
    return sorted(found, key=lambda event: int(event["details"]["revision"]))


async def test_a_pattern_is_made_with_its_defaults(served: Stack) -> None:
    """201 with all its fields, no use yet, and a warning that it never ends."""
    agent = add_agent(served)
    answer = await post(served, "/v1/trusted-patterns", {"agent_id": agent, **EXPORTS})
    assert answer.status_code == httpx2.codes.CREATED
    made = answer.json()
    assert answer.headers["location"] == f"/v1/trusted-patterns/{made['id']}"
    assert abs(datetime.fromisoformat(made["created_at"]) - datetime.now(UTC)) < timedelta(seconds=10)
    assert made == {
        "id": made["id"],
        "revision": 1,
        "status": "active",
        "agent_id": agent,
        **EXPORTS,
        "max_risk": "medium",
        "expires_at": None,
        "max_per_day": 50,
        "max_sum_per_day": None,
        "note": "",
        "broad": False,
        "trusts_claims": False,
        "created_by": "admin:automation",
        "created_at": made["created_at"],
        "changed_by": "admin:automation",
        "changed_at": made["created_at"],
        "matched": 0,
        "matched_today": 0,
        "last_matched_at": None,
        "summed_today": 0,
        "warnings": ["It never expires. An `expires_at` makes somebody look at it again."],
    }
    assert (await served.get(answer.headers["location"])).json() == made
    listed = (await served.get("/v1/trusted-patterns")).json()["items"]
    assert made in listed
    (told,) = await pattern_events(served, made)
    assert (told["action"], told["actor"], told["details"]["before"]) == ("pattern.created", "admin:automation", None)
    assert told["details"]["after"]["condition"] == EXPORTS["condition"]


async def test_a_match_is_approved_run_told_and_counted(served: Stack) -> None:
    """By the pattern's revision, like any other approval, without a person."""
    agent = add_agent(served)
    pattern = await make_pattern(served, agent)
    approval = await export(served, agent)
    assert approval["decided_by"] == [decider(pattern)]
    assert approval["pattern"] == {"id": pattern["id"], "revision": 1, "trusts_claims": False}
    ended = await served.ended(approval)
    assert (ended["status"], ended["execution"]["result"], ended["decisions"]) == ("executed", "99 records", [])
    (told,) = await events(served, approval, "approval.approved")
    assert (told["actor"], told["details"]["pattern"]) == (decider(pattern), approval["pattern"])
    handle = served.temporal.get_workflow_handle(approval["temporal"]["workflow_id"])
    await handle.result()
    attributes = {pair.key.name: pair.value for pair in (await handle.describe()).typed_search_attributes}
    assert attributes["DecidedBy"] == [decider(pattern)]
    read = (await served.get(f"/v1/trusted-patterns/{pattern['id']}")).json()
    assert (read["matched"], read["matched_today"], read["last_matched_at"]) == (1, 1, approval["created_at"])


@pytest.mark.parametrize(
    ("limit", "status"), [(99, "approved"), (100, "pending"), (-1, "pending"), ("99", "pending"), (None, "pending")]
)
async def test_exports_of_under_a_hundred_records(served: Stack, limit: Any, status: str) -> None:  # noqa: ANN401  any JSON
    """What is no number under a hundred waits for a person, whatever a careless model lets through."""
    agent = add_agent(served)
    await make_pattern(served, agent)
    assert assessed_as(await export(served, agent, limit)) == status


async def test_an_export_that_names_no_limit_waits(served: Stack) -> None:
    """What a condition needs and does not find is not true."""
    agent = add_agent(served)
    await make_pattern(served, agent)
    operation = {"type": "data.export", "resource_type": "customer"}
    assert (await served.submit(by=agent, operation=operation)).json()["status"] == "pending"


async def test_one_agent_is_trusted_for_its_reads(served: Stack) -> None:
    """Another agent still waits."""
    trusted, other = add_agent(served), add_agent(served)
    reads: dict[str, Any] = {"operation_type": "customer.read", "condition": None, "broad": True}
    pattern = await make_pattern(served, trusted, **reads)
    operation = {"type": "customer.read", "resource_type": "customer", "resource_id": "7"}
    assert (await served.submit(by=trusted, operation=operation)).json()["decided_by"] == [decider(pattern)]
    assert (await served.submit(by=other, operation=operation)).json()["status"] == "pending"


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"agent_id": "*"}, "broad-pattern", "It trusts every agent whose name fits *"),
        ({"agent_id": "billing-*"}, "broad-pattern", 'say that you mean it: "broad": true'),
        ({"condition": None}, "broad-pattern", "It has no condition"),
        ({"condition": "true"}, "broad-pattern", "It has no condition"),
        ({"condition": "agent.id == 'agent' && now > timestamp('2020-01-01T00:00:00Z')"}, "broad-pattern", "whatever"),
        ({"condition": "operation.parameters.limit <"}, "invalid-pattern", "condition: line 1, column 29: Syntax"),
        ({"condition": "nonsense == 1"}, "invalid-pattern", "undeclared reference to 'nonsense'"),
        ({"condition": "operation.parameters.limit"}, "invalid-pattern", "not true or false"),
        ({"condition": "true || " + "x" * 4096}, "invalid-pattern", "at most 4096"),
        ({"condition": "facts.rows < 5"}, "invalid-pattern", "reserved"),
        ({"condition": ""}, "invalid-request", "at least 1 character"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "invalid-pattern", "has passed"),
        ({"expires_at": "2030-01-01T00:00:00"}, "invalid-request", "timezone"),
        ({"max_risk": "none"}, "invalid-request", "'low', 'medium', 'high' or 'critical'"),
        ({"max_per_day": 0}, "invalid-request", "greater than or equal to 1"),
        ({"max_per_day": "5"}, "invalid-request", "valid integer"),
        ({"max_sum_per_day": {"parameter": "cents", "limit": 0}}, "invalid-request", "greater than 0"),
        ({"max_sum_per_day": 500}, "invalid-request", "max_sum_per_day"),
        ({"agent_id": "Agent"}, "invalid-request", "pattern"),
        ({"status": "active"}, "invalid-request", "Extra inputs are not permitted"),
        ({"created_by": "ada"}, "invalid-request", "Extra inputs are not permitted"),
    ],
)
async def test_a_bad_draft_names_what_is_wrong(served: Stack, fields: dict[str, Any], kind: str, words: str) -> None:
    """422, and nothing is made; the same holds for a backtest, to which broad is no matter."""
    before = (await served.get("/v1/trusted-patterns")).json()
    draft = {"agent_id": "agent", **EXPORTS, **fields}
    assert words in problem(await post(served, "/v1/trusted-patterns", draft), 422, kind)["detail"]
    tried = await post(served, "/v1/trusted-patterns/backtest", draft)
    if kind == "broad-pattern":
        assert tried.status_code == httpx2.codes.OK
    else:
        problem(tried, 422, kind)
    assert (await served.get("/v1/trusted-patterns")).json() == before


async def test_a_pattern_that_trusts_claims_is_marked_everywhere(served: Stack) -> None:
    """Low risk unless more is said, and the mark stands on the pattern, on what it lets through and in the log."""
    agent = add_agent(served)
    pattern = await make_pattern(served, agent, **CLAIMS)
    assert (pattern["trusts_claims"], pattern["max_risk"]) == (True, "low")
    assert any("fills as it likes" in warning for warning in pattern["warnings"])
    assert (await export(served, agent, context={"records": 5}))["status"] == "pending"
    raised = (await change(served, pattern, max_risk="medium")).json()
    assert any("more than low risk" in warning for warning in raised["warnings"])
    approval = await export(served, agent, context={"records": 5})
    assert approval["pattern"] == {"id": pattern["id"], "revision": 2, "trusts_claims": True}
    (told,) = await events(served, approval, "approval.approved")
    assert "relied on the agent's claims" in told["details"]["reason"]
    assert (await export(served, agent, context={"records": 500}))["status"] == "pending"
    assert (await export(served, agent))["status"] == "pending"


async def test_a_condition_that_begins_to_trust_claims_lowers_the_default(served: Stack) -> None:
    """Whoever changes it must say the higher risk again."""
    pattern = await make_pattern(served, add_agent(served))
    changed = (await change(served, pattern, **CLAIMS)).json()
    assert (changed["trusts_claims"], changed["max_risk"], changed["revision"]) == (True, "low", 2)


async def test_a_change_is_a_revision_told_with_before_and_after(served: Stack) -> None:
    """What is left out stays; every revision can be read again."""
    agent = add_agent(served)
    pattern = await make_pattern(served, agent, note="for the nightly job")
    changed = (await change(served, pattern, condition="operation.parameters.limit < 10", max_per_day=5)).json()
    assert (changed["revision"], changed["note"], changed["max_per_day"]) == (2, "for the nightly job", 5)
    assert (await export(served, agent, 50))["status"] == "pending"
    assert (await export(served, agent, 9))["decided_by"] == [decider(changed)]
    _, told = await pattern_events(served, pattern)
    assert (told["action"], told["details"]["before"]["max_per_day"]) == ("pattern.changed", 50)
    assert told["details"]["after"]["condition"] == "operation.parameters.limit < 10"
    kept = (await served.get(f"/v1/trusted-patterns/{pattern['id']}/revisions", by="auditor")).json()["items"]
    assert [(each["revision"], each["max_per_day"]) for each in kept] == [(1, 50), (2, 5)]


async def test_a_change_that_changes_nothing_is_no_revision(served: Stack) -> None:
    """Suspending twice is suspending once, and the log has one line of it."""
    pattern = await make_pattern(served, add_agent(served), note="as it is")
    assert (await change(served, pattern, note="as it is", max_per_day=50)).json() == pattern
    assert (await change(served, pattern)).json() == pattern
    for _ in range(2):
        assert (await change(served, pattern, by="ada", status="suspended")).json()["revision"] == 2
    told = await pattern_events(served, pattern)
    assert [event["action"] for event in told] == ["pattern.created", "pattern.suspended"]


async def test_a_revision_is_validated_whole(served: Stack) -> None:
    """A change that would leave a broad, broken or half-empty pattern changes nothing."""
    pattern = await make_pattern(served, add_agent(served))
    problem(await change(served, pattern, condition=None), 422, "broad-pattern")
    problem(await change(served, pattern, agent_id="*"), 422, "broad-pattern")
    problem(await change(served, pattern, condition="1 +"), 422, "invalid-pattern")
    problem(await change(served, pattern, expires_at="2020-01-01T00:00:00Z"), 422, "invalid-pattern")
    for name in ("agent_id", "max_per_day", "note", "status"):
        nothing: dict[str, Any] = {name: None}
        told = problem(await change(served, pattern, **nothing), 422, "invalid-pattern")
        assert told["detail"].startswith(f"{name} cannot be null")
    assert (await served.get(f"/v1/trusted-patterns/{pattern['id']}")).json() == pattern
    meant = await change(served, pattern, condition=None, broad=True)
    assert (meant.status_code, meant.json()["broad"]) == (httpx2.codes.OK, True)
    # What is broad already, and is not widened, need not be confirmed again.
    assert (await change(served, pattern, max_per_day=2)).status_code == httpx2.codes.OK
    problem(await change(served, pattern, max_per_day=3), 422, "broad-pattern")


@pytest.mark.parametrize("by", ["ada", "admin"])
async def test_whoever_decides_may_suspend_at_once(served: Stack, by: str) -> None:
    """What it would have let through waits again; only an admin lets it go on."""
    agent = add_agent(served)
    pattern = await make_pattern(served, agent)
    suspended = await change(served, pattern, by=by, status="suspended")
    assert (suspended.status_code, suspended.json()["status"]) == (httpx2.codes.OK, "suspended")
    assert (await export(served, agent))["status"] == "pending"
    assert (await pattern_events(served, pattern))[-1]["action"] == "pattern.suspended"
    problem(await change(served, pattern, by="ada", status="active"), 403, "role-not-allowed")
    active = (await change(served, pattern, status="active")).json()
    assert (await export(served, agent))["decided_by"] == [decider(active)]


async def test_who_may_do_what(served: Stack) -> None:
    """Reviewers suspend and nothing more, auditors read, agents see nothing of it."""
    pattern = await make_pattern(served, add_agent(served))
    path = f"/v1/trusted-patterns/{pattern['id']}"
    draft = {"agent_id": "other", **EXPORTS}
    for by in ("ada", "auditor", "agent"):
        problem(await post(served, "/v1/trusted-patterns", draft, by=by), 403, "role-not-allowed")
        problem(await change(served, pattern, by=by, note="mine"), 403, "role-not-allowed")
        problem(await served.http.delete(path, headers=served.bearer(by)), 403, "role-not-allowed")
    problem(await change(served, pattern, by="ada", status="suspended", note="mine"), 403, "role-not-allowed")
    problem(await change(served, pattern, by="auditor", status="suspended"), 403, "role-not-allowed")
    for read in ("/v1/trusted-patterns", path, f"{path}/revisions"):
        problem(await served.get(read, by="agent"), 403, "role-not-allowed")
        assert (await served.get(read, by="auditor")).status_code == httpx2.codes.OK
    problem(await post(served, "/v1/trusted-patterns/backtest", draft, by="agent"), 403, "role-not-allowed")
    assert (await post(served, "/v1/trusted-patterns/backtest", draft, by="ada")).status_code == httpx2.codes.OK


async def test_nobody_lets_their_own_agent_through(served: Stack) -> None:
    """Neither by making a pattern, nor by widening one, nor by making the agent's key afterwards."""
    for name, owner in (("olga-admin", "olga"), ("oleg-admin", "oleg")):
        served.add_key(NewKey(name=name, role=Role.ADMIN, owner=owner))
    own = add_agent(served, owner="olga")
    draft = {"agent_id": own, **EXPORTS}
    told = problem(await post(served, "/v1/trusted-patterns", draft, by="olga-admin"), 403, "own-pattern")
    assert own in told["detail"]
    everybody = draft | {"agent_id": "*", "broad": True}
    problem(await post(served, "/v1/trusted-patterns", everybody, by="olga-admin"), 403, "own-pattern")
    # Whoever owns no agent may trust them all; what they ask for themselves is still not let through.
    made = await post(served, "/v1/trusted-patterns", everybody | {"max_per_day": 1}, by="oleg-admin")
    assert made.status_code == httpx2.codes.CREATED
    assert (await export(served, "oleg-admin"))["status"] == "pending"
    assert (await change(served, made.json(), status="suspended")).status_code == httpx2.codes.OK

    by_another = await make_pattern(served, own, by="oleg-admin", max_per_day=1)
    problem(await change(served, by_another, by="olga-admin", max_per_day=1000), 403, "own-pattern")
    assert (await change(served, by_another, by="olga-admin", note="seen")).status_code == httpx2.codes.OK
    assert assessed_as(await export(served, own)) == "approved"

    later = f"later-{own}"
    await make_pattern(served, later, by="olga-admin")
    served.add_key(NewKey(name=later, role=Role.AGENT, owner="olga"))
    assert (await export(served, later))["status"] == "pending"


async def test_an_expired_pattern_lets_nothing_through(served: Stack) -> None:
    """It shows as expired, and a later end brings it back."""
    agent = add_agent(served)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    pattern = await make_pattern(served, agent, expires_at=soon.isoformat())
    await asyncio.sleep(1.1)
    read = (await served.get(f"/v1/trusted-patterns/{pattern['id']}")).json()
    assert read["status"] == "expired"
    assert (await export(served, agent))["status"] == "pending"
    # What does not touch the end need not have one in the future.
    assert (await change(served, pattern, note="over")).status_code == httpx2.codes.OK
    later = (await change(served, pattern, expires_at="2999-01-01T00:00:00Z")).json()
    assert (await export(served, agent))["decided_by"] == [decider(later)]


async def test_the_days_sum_is_limited(served: Stack) -> None:
    """Against splitting: small requests add up, and a negative one makes no room."""
    agent = add_agent(served)
    most = {"parameter": "cents", "limit": 1000}
    await make_pattern(served, agent, condition="operation.parameters.cents < 600", max_sum_per_day=most)

    async def status(cents: float) -> str:
        operation = {"type": "data.export", "resource_type": "customer", "parameters": {"limit": 1, "cents": cents}}
        return assessed_as((await served.submit(by=agent, operation=operation)).json())

    assert [await status(cents) for cents in (500, -400, 400, 200, 100, 0.5)] == [
        "approved",
        "pending",
        "approved",
        "pending",
        "approved",
        "pending",
    ]


async def test_a_deleted_pattern_is_gone_and_its_revisions_stay(served: Stack) -> None:
    """204, then 404; an auditor still reads what it said."""
    agent = add_agent(served)
    pattern = await make_pattern(served, agent)
    path = f"/v1/trusted-patterns/{pattern['id']}"
    approval = await export(served, agent)
    deleted = await served.http.delete(path, headers=served.bearer("admin"))
    assert (deleted.status_code, deleted.content) == (httpx2.codes.NO_CONTENT, b"")
    problem(await served.get(path), 404, "pattern-not-found")
    problem(await served.http.delete(path, headers=served.bearer("admin")), 404, "pattern-not-found")
    problem(await change(served, pattern, note="back"), 404, "pattern-not-found")
    assert pattern["id"] not in {each["id"] for each in (await served.get("/v1/trusted-patterns")).json()["items"]}
    assert (await export(served, agent))["status"] == "pending"
    kept = (await served.get(f"{path}/revisions", by="auditor")).json()["items"]
    assert [each["revision"] for each in kept] == [1, 2]
    assert (await served.ended(approval))["pattern"]["id"] == pattern["id"]
    told = (await pattern_events(served, pattern))[-1]
    assert (told["action"], told["details"]["after"]) == ("pattern.deleted", None)


async def test_what_does_not_exist_is_not_found(served: Stack) -> None:
    """404 on each route that names a pattern."""
    problem(await served.get(f"/v1/trusted-patterns/{UNKNOWN}"), 404, "pattern-not-found")
    problem(await served.get(f"/v1/trusted-patterns/{UNKNOWN}/revisions"), 404, "pattern-not-found")
    problem(await change(served, {"id": UNKNOWN}, note="x"), 404, "pattern-not-found")


async def test_a_backtest_tells_what_people_made_of_it(served: Stack) -> None:
    """Of the agent's history: how much it would have let through, and the examples that people rejected."""
    agent = add_agent(served)
    approved, rejected, waiting = [await export(served, agent, limit) for limit in (10, 20, 30)]
    await export(served, agent, 500)
    await served.decide(approved)
    await served.ended(approved)
    await served.decide(rejected, "reject", comment="Not these.")
    considered = (await post(served, "/v1/trusted-patterns/backtest", {"agent_id": agent, **EXPORTS})).json()
    assert considered["considered"] >= 4
    assert (considered["would_approve"], considered["failed"]) == (3, 0)
    assert considered["humans"] == {"approved": 1, "rejected": 1, "expired": 0}
    (example,) = considered["rejected_examples"]
    assert (example["id"], example["operation"]["parameters"]["limit"]) == (rejected["id"], 20)
    assert example["decided_by"] == ["reviewer:ada"]
    narrow = {"agent_id": agent, **EXPORTS, "condition": "operation.parameters.limit < 15"}
    assert (await post(served, "/v1/trusted-patterns/backtest", narrow)).json()["would_approve"] == 1
    assert (await served.get(f"/v1/approvals/{waiting['id']}")).json()["status"] == "pending"


async def test_the_quota_of_a_day_is_exact(served: Stack) -> None:
    """Of requests that come at once, exactly as many go through as the pattern says."""
    agent = add_agent(served)
    pattern = await make_pattern(served, agent, max_per_day=7)
    approvals = await asyncio.gather(*(export(served, agent) for _ in range(20)))
    assert [approval["decided_by"] for approval in approvals].count([decider(pattern)]) == 7
    read = (await served.get(f"/v1/trusted-patterns/{pattern['id']}")).json()
    assert (read["matched"], read["matched_today"]) == (7, 7)
