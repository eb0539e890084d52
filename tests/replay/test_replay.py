"""Every history that a release has recorded replays on today's workflow: an upgrade does not break what is open."""

from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from domain.signing import Unverified
from tests.replay.record import HISTORIES, PATHS
from workflows.approval import ApprovalWorkflow

RECORDED = sorted(HISTORIES.glob("*.json"))


@workflow.defn(name="ApprovalWorkflow", sandboxed=False)
class Hasty:
    """A workflow that forgets to record anything."""

    @workflow.run
    async def run(self, request: Unverified = None) -> Unverified:
        """End at once."""
        return request


@pytest.fixture(params=RECORDED, ids=lambda path: path.stem)
def history(request: pytest.FixtureRequest) -> WorkflowHistory:
    """One recorded history after the other."""
    path: Path = request.param
    return WorkflowHistory.from_json("approval-recorded", path.read_text())


async def test_a_recorded_history_replays(history: WorkflowHistory) -> None:
    """The workflow asks for the same steps in the same order as when it was recorded."""
    replayer = Replayer(workflows=[ApprovalWorkflow], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(history)


async def test_another_workflow_does_not_replay(history: WorkflowHistory) -> None:
    """The replayer sees it when a step is missing."""
    replayer = Replayer(workflows=[Hasty], data_converter=pydantic_data_converter)
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(history)


@pytest.mark.parametrize("name", PATHS)
def test_every_path_is_recorded(name: str) -> None:
    """There is a history of each way an approval can go."""
    assert any(path.stem.endswith(f"-{name}") for path in RECORDED)
