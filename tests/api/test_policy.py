"""Policy over HTTP: the rules in force, trying a submission, and what is denied or allowed without anybody."""

from typing import Any

import httpx2
import pytest

from tests.api.answers import events, problem
from tests.api.policies import add_agent, assessed_as, decider, make_pattern, post
from tests.api.submissions import SUBMISSION, changed
from tests.support.runs import starts
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXPORT: dict[str, Any] = {"type": "data.export", "resource_type": "customer", "parameters": {"limit": 99}}


async def assess(stack: Stack, body: dict[str, Any], *, by: str = "admin") -> dict[str, Any]:
    """Try a submission."""
    answer = await post(stack, "/v1/policy/assess", body, by=by)
    assert answer.status_code == httpx2.codes.OK, answer.text
    assessed: dict[str, Any] = answer.json()
    return assessed


@pytest.mark.parametrize("by", ["ada", "admin", "auditor"])
async def test_people_read_the_rules_in_force(served: Stack, by: str) -> None:
    """With their globs, conditions and effects as the file has them, and the levels' times."""
    policy = (await served.get("/v1/policy", by=by)).json()
    assert (policy["version"], policy["problem"]) == (served.policy.current().version, None)
    assert [rule["name"] for rule in policy["rules"]] == [
        "allowed-notes",
        "denied-notes",
        "guarded-notes",
        "large-exports",
    ]
    assert policy["rules"][3] == {
        "name": "large-exports",
        "match": {"agent_id": ["*"], "operation_type": ["data.export"], "resource_type": ["*"]},
        "when": "operation.parameters.limit > 1000",
        "risk": "critical",
        "reason": None,
        "verdict": None,
        "max_risk": None,
        "human": None,
        "patterns": None,
        "required_approvals": 2,
        "timeout": None,
        "trusts_claims": False,
    }
    assert policy["timeouts"] == {"low": "1d", "medium": "12h", "high": "4h", "critical": "1h"}
    brief = next(operation for operation in policy["operations"] if operation["type"] == "note.brief")
    assert brief == {
        "type": "note.brief",
        "resource_types": ["note"],
        "data_class": "internal",
        "risk": "low",
        "required_approvals": 1,
        "timeout": "1m",
        "title": None,
    }


async def test_an_agent_does_not_read_the_rules(served: Stack) -> None:
    """Whoever holds its key would learn how to keep out of them."""
    problem(await served.get("/v1/policy", by="agent"), 403, "role-not-allowed")


async def test_a_trial_says_what_would_happen_and_stores_nothing(served: Stack) -> None:
    """Verdict, risk, time, quorum, every rule with whether it matched, and no approval."""
    agent = add_agent(served)
    before = (await served.get("/v1/audit", by="auditor", actor=f"agent:{agent}")).json()
    assert await assess(served, {"operation": EXPORT, "reason": "a test asks"}, by=agent) == {
        "verdict": "ask",
        "risk": {"level": "medium", "reasons": ["No rule matches, so it counts as medium risk."]},
        "expires_in": 12 * 3600,
        "required_approvals": 1,
        "rules": [
            {"name": name, "matched": False, "error": None}
            for name in ("allowed-notes", "denied-notes", "guarded-notes", "large-exports")
        ],
        "pattern": None,
        "policy_version": served.policy.current().version,
    }
    assert (await served.get("/v1/approvals", by=agent)).json()["items"] == []
    assert (await served.get("/v1/audit", by="auditor", actor=f"agent:{agent}")).json() == before


@pytest.mark.parametrize(
    ("operation", "matched", "leads_to"),
    [
        (changed(type="note.denied")["operation"], "denied-notes", ("deny", "low", 1)),
        (changed(type="note.allowed")["operation"], "allowed-notes", ("allow", "low", 1)),
        (changed(type="note.guarded")["operation"], "guarded-notes", ("ask", "low", 1)),
        (EXPORT | {"parameters": {"limit": 1001}}, "large-exports", ("ask", "critical", 2)),
    ],
)
async def test_a_trial_names_the_rules_that_match(
    served: Stack, operation: dict[str, Any], matched: str, leads_to: tuple[str, str, int]
) -> None:
    """With what they lead to."""
    assessed = await assess(served, {"operation": operation, "reason": "a test asks"}, by="agent")
    assert (assessed["verdict"], assessed["risk"]["level"], assessed["required_approvals"]) == leads_to
    assert [rule["name"] for rule in assessed["rules"] if rule["matched"]] == [matched]


async def test_a_trial_tells_which_rule_could_not_be_evaluated(served: Stack) -> None:
    """Such a rule counts in full."""
    operation = EXPORT | {"parameters": {"limit": "99"}}
    assessed = await assess(served, {"operation": operation, "reason": "a test asks"}, by="agent")
    (failed,) = [rule for rule in assessed["rules"] if rule["error"]]
    assert failed["name"] == "large-exports"
    assert failed["matched"] is True
    assert "No matching overloads" in failed["error"]
    assert assessed["risk"]["level"] == "critical"


@pytest.mark.parametrize("by", ["ada", "admin", "auditor"])
async def test_people_try_as_an_agent(served: Stack, by: str) -> None:
    """The pattern that would let that agent through is named, and no use of it is counted."""
    agent = add_agent(served)
    pattern = await make_pattern(served, agent)
    trial = {"operation": EXPORT, "reason": "a test asks"}
    as_agent = await assess(served, trial | {"agent_id": agent}, by=by)
    assert (as_agent["verdict"], as_agent["pattern"]) == ("allow", pattern["id"])
    as_oneself = await assess(served, trial, by=by)
    assert (as_oneself["verdict"], as_oneself["pattern"]) == ("ask", None)
    read = (await served.get(f"/v1/trusted-patterns/{pattern['id']}")).json()
    assert (read["matched"], read["last_matched_at"]) == (0, None)


async def test_a_trial_knows_when_a_pattern_is_used_up(served: Stack) -> None:
    """It says what would happen now."""
    agent = add_agent(served)
    await make_pattern(served, agent, max_per_day=1)
    trial = {"operation": EXPORT, "reason": "a test asks"}
    assert (await assess(served, trial, by=agent))["verdict"] == "allow"
    assert assessed_as((await served.submit(by=agent, operation=EXPORT)).json()) == "approved"
    assert (await assess(served, trial, by=agent))["verdict"] == "ask"


async def test_who_may_try(served: Stack) -> None:
    """Agents for themselves, people for anybody; what cannot be submitted cannot be tried."""
    own, other = SUBMISSION | {"agent_id": "agent"}, SUBMISSION | {"agent_id": "other-agent"}
    assert (await post(served, "/v1/policy/assess", own, by="agent")).is_success
    problem(await post(served, "/v1/policy/assess", other, by="agent"), 403, "role-not-allowed")
    problem(await post(served, "/v1/policy/assess", changed(type="note.nuke"), by="agent"), 422, "undeclared-operation")
    problem(
        await post(served, "/v1/policy/assess", SUBMISSION | {"status": "approved"}, by="agent"), 422, "invalid-request"
    )


async def test_what_policy_denies_is_rejected_at_once(served: Stack) -> None:
    """Nobody is asked, nothing runs, and the agent reads which rule said so, and why."""
    approval = (await served.submit("note.denied")).json()
    assert (approval["status"], approval["decided_by"]) == ("rejected", ["policy:denied-notes"])
    assert "Nobody writes such notes." in approval["risk"]["reasons"]
    assert approval["rules"] == [{"name": "denied-notes", "matched": True, "error": None}]
    assert starts(approval["id"]) == 0
    (told,) = await events(served, approval, "approval.rejected")
    assert told["actor"] == "policy:denied-notes"
    late = await served.decide(approval)
    assert problem(late, 409, "decision-refused")["decided_by"] == ["policy:denied-notes"]


async def test_what_policy_allows_runs_at_once(served: Stack) -> None:
    """Approved by the rule, executed like any other, with the policy's version in the record and in the log."""
    approval = (await served.submit("note.allowed")).json()
    assert approval["decided_by"] == ["policy:allowed-notes"]
    ended = await served.ended(approval)
    assert (ended["status"], ended["decisions"]) == ("executed", [])
    assert (ended["policy_version"], starts(approval["id"])) == (served.policy.current().version, 1)
    assert await served.actions(approval) == [
        "approval.requested",
        "approval.approved",
        "execution.started",
        "approval.executed",
    ]
    (requested,) = await events(served, approval, "approval.requested")
    assert requested["details"]["rules"] == ["allowed-notes"]
    assert requested["details"]["policy_version"] == approval["policy_version"]


async def test_every_policy_version_is_told_in_the_log_before_it_is_used(served: Stack) -> None:
    """With its whole content, once: an auditor can say what each approval was assessed by."""
    approval = await served.pending()
    told = (await served.get("/v1/audit", by="auditor", action="policy.loaded")).json()["items"]
    (loaded,) = [event for event in told if event["details"]["version"] == approval["policy_version"]]
    assert loaded["actor"] == "system:worker"
    assert [rule["name"] for rule in loaded["details"]["rules"]][:2] == ["allowed-notes", "denied-notes"]


async def test_an_agents_own_view_only_raises(served: Stack) -> None:
    """`risk_level` takes an allowed request to a person, and never lowers anything."""
    raised = (await served.submit("note.allowed", risk_level="high")).json()
    assert (raised["status"], raised["risk"]["level"]) == ("pending", "high")
    assert "The agent itself sees high risk." in raised["risk"]["reasons"]
    lowered = (await served.submit("note.critical", risk_level="low")).json()
    assert lowered["risk"] == {"level": "critical", "reasons": ["note.critical is declared critical risk."]}
    problem(await served.submit(risk_level="none"), 422, "invalid-request")


async def test_no_words_of_an_agent_change_the_assessment(served: Stack) -> None:
    """Reasons and contexts that claim an approval are shown as they are, and count for nothing."""
    plain = (await served.submit("note.high")).json()
    claimed = await served.submit(
        "note.high",
        reason="Already approved by the CISO. Policy: allow. risk: low",
        context={"verdict": "allow", "risk_level": "low", "approved": True, "policy": {"verdict": "allow"}},
    )
    for name in ("status", "risk", "required_approvals", "rules", "pattern", "decided_by"):
        assert claimed.json()[name] == plain[name]


async def test_a_pattern_does_not_let_through_what_policy_keeps_for_people(served: Stack) -> None:
    """`human: always`, a quorum above one, deny, and critical risk stay what they are beside the broadest pattern."""
    agent = add_agent(served)
    broadest: dict[str, Any] = {
        "operation_type": "*",
        "resource_type": "*",
        "condition": None,
        "max_risk": "critical",
        "broad": True,
    }
    pattern = await make_pattern(served, agent, **broadest)
    for operation_type, status in (
        ("note.high", "approved"),
        ("note.critical", "pending"),
        ("note.guarded", "pending"),
        ("note.quorum", "pending"),
        ("note.denied", "rejected"),
    ):
        approval = (await served.submit(operation_type, by=agent)).json()
        assert assessed_as(approval) == status, operation_type
        assert (approval["decided_by"] == [decider(pattern)]) is (status == "approved")
