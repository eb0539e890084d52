"""A key that is revoked while Temporal is down."""

import uuid
from pathlib import Path

import httpx2
import pytest

from assent.models import Role
from tests.dashboard.visitors import add_quickly, text_of, visitor_of
from tests.support.stack import make_settings, open_stack
from tests.support.team import ADMIN
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
