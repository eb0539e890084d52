"""The words for what became of a workflow."""

import pytest

from domain.lost import END_SENTENCES, WorkflowEnd, stuck_cause


@pytest.mark.parametrize("end", WorkflowEnd)
def test_every_end_has_a_sentence(end: WorkflowEnd) -> None:
    """The log and whoever reads an execution are told in words."""
    assert END_SENTENCES[end].endswith(".")


@pytest.mark.parametrize(
    ("reported", "cause"),
    [
        (
            ["category=WorkflowTaskFailed", "cause=WorkflowTaskFailedCauseNonDeterministicError"],
            "The workers' code does not fit what this workflow has done so far.",
        ),
        (
            ["category=WorkflowTaskFailed", "cause=WorkflowTaskFailedCauseWorkflowWorkerUnhandledFailure"],
            "The workers' code fails in this workflow.",
        ),
        (
            ["category=WorkflowTaskTimedOut", "cause=WorkflowTaskTimedOutCauseStartToClose"],
            "Workers take this workflow's tasks and do not finish them.",
        ),
        (["cause=<b>anything else</b>"], "This workflow's tasks keep failing."),
        ([], "This workflow's tasks keep failing."),
    ],
)
def test_a_cause_is_told_in_our_own_words(reported: list[str], cause: str) -> None:
    """Whatever the server reports: none of its text, and so none of anybody else's, is passed on."""
    assert stuck_cause(reported) == cause
