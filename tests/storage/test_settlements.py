"""What an admin finds out about an unknown outcome: recorded once, beside the approval as it ended."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from assent.models import ApprovalStatus, SettledOutcome, Settlement
from domain.approval import ExecutionOutcome
from domain.errors import NotUnknownError, StorageUnavailableError
from domain.operation import ApprovalRequest
from storage.settlements import SettlementStore
from tests.storage.builders import LATER, RECORDED, make_request
from tests.storage.record import Record, open_record

SETTLED = Settlement(
    outcome=SettledOutcome.EXECUTED, note="The log shows it: größer.", settled_by="admin:ana", settled_at=LATER
)


def settle(record: Record, request: ApprovalRequest, **other: Any) -> None:  # noqa: ANN401  any field's value
    SettlementStore(record.database).settle(request.approval_id, SETTLED.model_copy(update=other))


def unknown(record: Record) -> ApprovalRequest:
    """Return an approval that started, and nobody knows whether it finished."""
    request = record.approved()
    record.claim(request)
    record.store.finish(request.approval_id, ExecutionOutcome(outcome_unknown=True), at=RECORDED)
    return request


def test_what_was_found_is_told_beside_the_end(record: Record) -> None:
    """The status, the error and the flag stay as they ended; the settlement is read with them, on its own approval."""
    request, other = unknown(record), unknown(record)
    before = record.get(request)
    settle(record, request)
    after = record.get(request)
    assert before.execution is not None
    assert before.execution.settlement is None
    settled = before.execution.model_copy(update={"settlement": SETTLED})
    assert after == before.model_copy(update={"execution": settled})
    assert (after.status, settled.outcome_unknown) == (ApprovalStatus.FAILED, True)
    execution = record.get(other).execution
    assert execution is not None
    assert execution.settlement is None


def test_it_is_told_in_the_log(record: Record) -> None:
    """Who found what, when, and about which digest."""
    request = unknown(record)
    settle(record, request)
    event = record.events(request)[-1]
    assert (event.action, event.actor, event.at) == ("execution.settled", "admin:ana", LATER)
    assert (event.digest, event.details) == (request.digest, {"outcome": "executed", "note": SETTLED.note})


def test_who_waits_for_the_approval_sees_that_it_changed(record: Record) -> None:
    """Its revision counts up, and nothing else of its row changes."""
    request = unknown(record)
    (before,) = record.rows_of(request)["approvals"]
    settle(record, request)
    (after,) = record.rows_of(request)["approvals"]
    assert after == before | {"revision": before["revision"] + 1}


def test_the_same_again_changes_nothing(record: Record) -> None:
    """A repeated request of the same admin is the same settlement, whatever the time of the second."""
    request = unknown(record)
    settle(record, request)
    before = record.rows()
    settle(record, request, settled_at=LATER + timedelta(hours=1))
    assert record.rows() == before


@pytest.mark.parametrize(
    "other", [{"outcome": SettledOutcome.FAILED}, {"note": "No, look."}, {"settled_by": "admin:ben"}], ids=str
)
def test_it_is_settled_once(record: Record, other: dict[str, Any]) -> None:
    """Another outcome, note or person is refused, and told who settled it as what."""
    request = unknown(record)
    settle(record, request)
    before = record.rows()
    with pytest.raises(NotUnknownError, match=r"admin:ana settled this on .* as executed, .*: The log shows it"):
        settle(record, request, **other)
    assert record.rows() == before


def test_only_an_unknown_outcome_is_settled(record: Record, subtests: pytest.Subtests) -> None:
    """Whatever has another status, failed for a known reason, is still running, or was never recorded is refused."""
    running = record.approved()
    record.claim(running)
    never_started = record.approved()
    record.store.finish(never_started.approval_id, ExecutionOutcome(refused="It is gone."), at=RECORDED)
    others = {status.value: record.in_status(status) for status in ApprovalStatus}
    others |= {"running": running, "never started": never_started, "not recorded": make_request()}
    before = record.rows()
    for name, request in others.items():
        with subtests.test(name), pytest.raises(NotUnknownError, match="outcome_unknown"):
            settle(record, request)
    assert record.rows() == before


def test_of_many_at_once_one_settles(record: Record) -> None:
    """Two admins who found different things: the record has one of them, and the other is told."""
    request = unknown(record)
    with open_record(record.database.url) as other, ThreadPoolExecutor(8) as threads:

        def run(number: int) -> bool:
            for _ in range(50):
                try:
                    settle(other if number % 2 else record, request, settled_by=f"admin:{number}")
                except NotUnknownError:
                    return False
                except StorageUnavailableError:
                    continue
                return True
            raise TimeoutError

        assert sorted(threads.map(run, range(8))) == [False] * 7 + [True]
    assert record.actions(request).count("execution.settled") == 1
