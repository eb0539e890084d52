"""The assessment as an activity: how often it asks the database, however many patterns there are."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import event
from temporalio.testing import ActivityEnvironment

from activities.assessment import Assessment, Rulebook
from assent.models import ApprovalStatus
from config.assent_file import AssentFile
from domain.approval import ApprovalState, workflow_id_of
from domain.messages import Assess
from domain.operation import ApprovalRequest
from domain.policy import Policy
from storage.approvals import ApprovalStore
from storage.database import Database
from storage.keys import KeyStore
from storage.patterns import PatternStore
from tests.support.desk import Desk
from tests.support.stack import OPERATIONS

MOST_STATEMENTS = 25


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    """A desk whose Temporal nobody needs."""
    database = Database(database_url)
    desk = Desk(None, database)  # type: ignore[arg-type]
    desk.add_keys()
    try:
        yield desk
    finally:
        database.close()


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Collect what is sent to the database."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def assessment(desk: Desk, policy: Policy) -> Assessment:
    """Return the activity over the desk's database."""
    rulebook = Rulebook(policy=lambda: policy, patterns=PatternStore(desk.database), operations=desk.operations)
    return Assessment(
        ApprovalStore(desk.database), KeyStore(desk.database), rulebook, desk.signing_keys, lambda: datetime.now(UTC)
    )


def assess(activity: Assessment, request: ApprovalRequest) -> ApprovalState:
    """Run the activity as the request's own workflow would."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, workflow_id=workflow_id_of(request.approval_id))
    command = Assess(
        approval_id=request.approval_id,
        run_id=str(uuid.uuid4()),
        started_at=datetime.now(UTC),
        request=request.model_dump_json(),
    )
    state = environment.run(activity.assess, command)
    assert state is not None
    return state


def test_the_database_is_asked_as_often_for_a_thousand_patterns_as_for_one(desk: Desk) -> None:
    """The patterns are read once; from then on one small query tells whether they have changed."""
    activity = assessment(desk, AssentFile.read(OPERATIONS).policy())
    counts = []
    for patterns in (1, 1_000):
        for number in range(patterns):
            desk.trust("note.high", condition=f"operation.resource_id == 'other-{number}'")
        assess(activity, desk.request("note.high"))
        with statements(desk.database) as sent:
            state = assess(activity, desk.request("note.high"))
        assert state.status is ApprovalStatus.PENDING
        counts.append(len(sent))
    assert counts[0] == counts[1] <= MOST_STATEMENTS


def test_of_many_patterns_that_match_few_are_tried(desk: Desk) -> None:
    """Also when the first of them are used up."""
    for _ in range(200):
        desk.trust("note.high", max_per_day=1)
    activity = assessment(desk, AssentFile.read(OPERATIONS).policy())
    with statements(desk.database) as sent:
        states = [assess(activity, desk.request("note.high")) for _ in range(3)]
    assert {state.status for state in states} == {ApprovalStatus.APPROVED}
    assert len({state.decided_by for state in states}) == 3
    assert len(sent) <= 3 * MOST_STATEMENTS


def test_an_assessment_that_runs_again_counts_no_second_use(desk: Desk) -> None:
    """After a kill, or a reply that was lost, the stored approval is what the workflow adopts."""
    pattern = desk.trust("note.high", max_per_day=1)
    activity = assessment(desk, AssentFile.read(OPERATIONS).policy())
    request = desk.request("note.high")
    assert assess(activity, request) == assess(activity, request)
    (used,) = PatternStore(desk.database).all(today=datetime.now(UTC))
    assert (used.pattern, used.matched) == (pattern, 1)
    assert assess(activity, desk.request("note.high")).status is ApprovalStatus.PENDING
