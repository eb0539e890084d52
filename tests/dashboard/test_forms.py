"""Forms that are too large, or that hold what no database keeps."""

from typing import Any

import httpx2
import pytest

from dashboard.forms import MAX_BYTES
from tests.api.answers import shown
from tests.dashboard.visitors import FROM_HERE, Enter, hidden
from tests.support.stack import Stack
from tests.support.team import ADMIN, REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_form_is_bounded(enter: Enter) -> None:
    """413 for more than a megabyte, declared or not, also from who is not signed in; nobody holds it in memory."""
    admin = await enter(ADMIN)

    async def drops() -> Any:  # noqa: ANN401  an async generator
        for _ in range(MAX_BYTES // 65_536 + 2):
            yield b"x" * 65_536

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with httpx2.AsyncClient(base_url=admin.base_url, headers=FROM_HERE, trust_env=False) as nobody:
        for client in (admin, nobody):
            assert (await client.post("/sign-in", content=b"x" * (MAX_BYTES + 1), headers=form)).status_code == 413
            assert (await client.post("/sign-in", content=drops(), headers=form)).status_code == 413


@pytest.mark.parametrize("as_file", [False, True], ids=["urlencoded", "multipart"])
async def test_what_no_database_keeps_is_refused(served: Stack, enter: Enter, *, as_file: bool) -> None:
    """A NUL in a form, a path or a query is a 400, and nothing of it reaches an approval."""
    approval = await served.pending()
    reviewer = await enter(REVIEWER)
    step = hidden(await reviewer.get(f"/approvals/{approval['id']}/reject")) | {"comment": "no\0"}
    sent: dict[str, Any] = {"files": {name: (None, each) for name, each in step.items()}} if as_file else {"data": step}
    path = f"/approvals/{approval['id']}/decisions"
    assert (await reviewer.post(path, **sent)).status_code == 400
    assert (await shown(served, approval))["decisions"] == []
    for path in ("/approvals/%00", "/?q=%00", "/history?agent=a%00"):
        assert (await reviewer.get(path)).status_code == 400
    # Three characters that look like one are text.
    answer = await reviewer.post(f"/approvals/{approval['id']}/decisions", data=step | {"comment": "%00"})
    assert answer.status_code == httpx2.codes.SEE_OTHER
    assert (await shown(served, approval))["decisions"][0]["comment"] == "%00"
