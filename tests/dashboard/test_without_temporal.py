"""What people do while Temporal is down is not lost, and is done once."""

import uuid
from pathlib import Path

import httpx2
import pytest

from assent.models import Role
from tests.dashboard.reviewing import PART, send, step_of
from tests.dashboard.visitors import add_quickly, hidden, text_of, visitor_of
from tests.support.stack import make_settings, open_stack
from tests.support.team import ADMIN, REVIEWER
from tests.support.temporal import TemporalServer, connect


async def test_a_revocation_holds_and_says_what_is_left_to_do(
    durable_temporal_server: TemporalServer, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with the page and its button again: the key is refused already; pressed later, it cancels what is pending."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    settings = make_settings(tmp_path, sqlite_url, f"assent-{uuid.uuid4()}")
    async with open_stack(settings, await connect(durable_temporal_server)) as stack:
        add_quickly(stack, ADMIN, Role.ADMIN)
        async with stack.worker():
            approval = await stack.pending()
        durable_temporal_server.stop()
        path = f"/keys/{stack.key_ids['agent']}/revoke"
        async with visitor_of(stack, ADMIN) as admin:
            page = await admin.post(path)
            assert page.status_code == httpx2.codes.SERVICE_UNAVAILABLE
            assert (
                "The key is revoked. Temporal does not answer, so not all that its agent has pending is cancelled"
                in text_of(page)
            )
            assert f'action="{path}"' in page.text
            assert (await stack.submit()).status_code == httpx2.codes.UNAUTHORIZED
            durable_temporal_server.start()
            async with stack.worker():
                again = await admin.post(path)
                assert (again.status_code, again.headers["location"]) == (303, "/people#keys")
                assert (await stack.ended(approval))["status"] == "cancelled"


async def test_a_decision_can_be_sent_again(
    durable_temporal_server: TemporalServer, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with the same step and what was written, whole or as a part; sent again, it is one decision."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    settings = make_settings(tmp_path, sqlite_url, f"assent-{uuid.uuid4()}")
    async with open_stack(settings, await connect(durable_temporal_server)) as stack:
        add_quickly(stack, REVIEWER, Role.REVIEWER)
        async with stack.worker():
            approval = await stack.pending()
        durable_temporal_server.stop()
        async with visitor_of(stack, REVIEWER) as reviewer:
            step = await step_of(reviewer, approval, "reject")
            for headers in ({}, PART):
                path = f"/approvals/{approval['id']}/decisions"
                told = await reviewer.post(path, data=step | {"comment": "Not this one."}, headers=headers)
                assert told.status_code == httpx2.codes.SERVICE_UNAVAILABLE
                assert "Temporal does not answer" in text_of(told)
                assert "Not this one." in told.text
                assert hidden(told) == step
            durable_temporal_server.start()
            async with stack.worker():
                sent = await send(reviewer, approval, step, comment="Not this one.")
                assert sent.status_code in {httpx2.codes.SEE_OTHER, httpx2.codes.ACCEPTED}
                ended = await stack.ended(approval)
                again = await send(reviewer, approval, step, comment="Not this one.")
                assert again.status_code == httpx2.codes.SEE_OTHER
        assert ended["status"] == "rejected"
        assert [vote["comment"] for vote in ended["decisions"]] == ["Not this one."]
