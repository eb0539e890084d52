"""One trace, from the agent's request to the operation that a person lets run, in spans without content."""

from tests.support.otlp import SentSpan
from tests.telemetry.story import AGENTS_SPAN_ID, TRACE_ID, WORD, Watched


def only(spans: list[SentSpan], name: str) -> SentSpan:
    found = [span for span in spans if span.name == name]
    assert len(found) == 1, (name, found)
    return found[0]


def test_one_trace_leads_from_the_agents_request_to_the_operation(watched: Watched) -> None:
    """Each span's parent is the one before it, over both processes and however long a person takes."""
    approval_id = watched.approvals["executed"]["id"]
    of_agent = [span for span in watched.spans if span.trace_id == TRACE_ID]
    of_approval = [span for span in of_agent if span.attributes.get("assent.approval_id") == approval_id]

    start = only(of_approval, "start ApprovalWorkflow")
    request = next(span for span in of_agent if span.span_id == start.parent_id)
    execute, run = only(of_approval, "execute"), only(of_approval, "run note.low")

    assert (request.name, request.parent_id, request.service) == ("POST /v1/approvals", AGENTS_SPAN_ID, "assent-api")
    assert {only(of_approval, name).parent_id for name in ("assess", "record_signal", "execute")} == {start.span_id}
    assert (run.parent_id, run.service) == (execute.span_id, "assent-worker")
    assert run.attributes["assent.operation_type"] == "note.low"


def test_a_decision_is_a_trace_of_its_own_with_the_approval(watched: Watched) -> None:
    """The reviewer's request has nothing of the agent's but the approval's id."""
    approval_id = watched.approvals["executed"]["id"]
    decided = [
        span
        for span in watched.spans
        if span.name == "POST /v1/approvals/{approval_id}/decisions"
        and span.attributes["assent.approval_id"] == approval_id
    ]

    assert [span.attributes["http.response.status_code"] for span in decided] == ["200"]
    assert decided[0].trace_id != TRACE_ID


def test_a_failure_is_marked_by_its_type(watched: Watched) -> None:
    """A span says that an operation failed, and of which type the error was."""
    assert only(watched.spans, "run note.fail").attributes["error.type"] == "RuntimeError"


def test_no_span_holds_what_anybody_wrote(watched: Watched) -> None:
    """Nor does anything else of a span: its events, its links, its status, its trace state."""
    assert len(watched.spans) > 50
    assert [span.name for span in watched.spans if WORD in span.wire] == []
    assert [span.name for span in watched.spans if "events {" in span.wire or "said no" in span.wire] == []
