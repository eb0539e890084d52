"""The numbers of an API and a worker, as processes, are those of what happened."""

from tests.telemetry.pages import Page
from tests.telemetry.story import Watched


def test_the_worker_counts_what_it_records(watched: Watched) -> None:
    """Submissions, decisions and executions are counted once each, by outcome."""
    page = Page(watched.pages["worker"])

    assert page.by("assent_executions_total", "outcome") == {
        "executed": 2,
        "failed": 1,
        "refused": 1,
        "outcome_unknown": 1,
    }
    assert page.by("assent_submissions_total", "risk") == {"low": 5, "medium": 1, "high": 1, "critical": 1}
    assert page.value("assent_decided_total", status="approved", by="person") == 5
    assert page.value("assent_decided_total", status="rejected", by="person") == 1
    assert page.value("assent_decided_total", status="cancelled", by="agent") == 1
    assert page.value("assent_decision_seconds_count", risk="low", status="approved") == 4
    assert 0 < (page.value("assent_decision_seconds_sum", risk="low", status="approved") or 0) < 400
    assert page.value("assent_refusals_total", what="decision", reason="unauthentic") == 1
    assert page.value("assent_refusals_total", what="execution", reason="") == 1


def test_the_api_counts_what_it_refuses_and_answers(watched: Watched) -> None:
    """Refusals by kind and reason; requests by the template of their route and the class of their status."""
    page = Page(watched.pages["api"])

    assert page.value("assent_refusals_total", what="decision", reason="wrong_digest") == 1
    assert page.value("assent_refusals_total", what="access", reason="") == 1
    assert page.value("assent_refusals_total", what="sign_in", reason="password") == 1
    assert page.by("assent_executions_total", "outcome") == {}
    asked = {"route": "/v1/approvals/{approval_id}/decisions", "method": "POST"}
    assert page.value("assent_http_request_seconds_count", **asked, status="2xx") == 6
    assert page.value("assent_http_request_seconds_count", **asked, status="4xx") == 1
    assert page.value("assent_http_request_seconds_count", route="other", method="GET", status="4xx") == 1
    assert page.value("assent_http_request_seconds_count", route="/sign-in", method="POST", status="4xx") == 1


def test_both_tell_what_waits(watched: Watched) -> None:
    """What waits is read from the record, so each process says the same of it."""
    for text in watched.pages.values():
        page = Page(text)
        assert page.value("assent_database_up") == 1
        assert page.by("assent_pending_approvals", "risk") == {"critical": 1}
        assert 0 < (page.value("assent_oldest_pending_seconds") or 0) < 100
        assert page.value("assent_pauses") == 1
        assert page.value("assent_overdue_approvals") == 0
        assert page.value("assent_stuck_approvals") == 0


def test_temporals_own_metrics_are_on_the_same_page(watched: Watched) -> None:
    """What the client and the worker of Temporal count is there, under its own names."""
    api, worker = Page(watched.pages["api"]), Page(watched.pages["worker"])

    assert api.by("temporal_request_total", "operation")["StartWorkflowExecution"] == 8
    assert worker.by("temporal_workflow_completed_total", "workflow_type") == {"ApprovalWorkflow": 7}
    assert {"temporal_worker_task_slots_available", "temporal_num_pollers"} <= worker.names("temporal_")
