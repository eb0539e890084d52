"""`make demo`, as a person runs it against a running Assent."""

import re
import stat
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from examples import demo
from tests.support.eventually import eventually
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Programs
from tests.support.stack import Stack, make_settings, open_stack

SHIPPED = Path(__file__).parents[2] / "assent.yaml"


@pytest.fixture
async def shop(temporal_client: Client, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stack]:
    """Assent as it comes, with the shop's operations and policy."""
    settings = make_settings(tmp_path, sqlite_url, f"assent-{uuid.uuid4()}").model_copy(update={"config": SHIPPED})
    async with open_stack(settings, temporal_client) as stack, stack.worker(sandbox=False, max_cached_workflows=100):
        yield stack


def url_of(stack: Stack) -> str:
    """Return where a person would reach it."""
    return str(stack.http.base_url).rstrip("/")


async def run(programs: Programs, stack: Stack, *options: str) -> str:
    """Run the demo beside the data of `stack`; return what it printed."""
    words = [sys.executable, "-m", "examples.demo", "--url", url_of(stack), *options]
    settings = {
        "ASSENT_DATA_DIR": str(stack.settings.data_dir),
        "ASSENT_DATABASE_URL": stack.settings.database_url,
    }
    program = programs.start("demo", words, settings)
    code = await eventually("the demo ends", lambda: program.exit_code, until=lambda code: code is not None, within=60)
    assert code == 0, program.log
    return program.log


async def test_it_fills_the_queue_once(shop: Stack, programs: Programs) -> None:
    """A dozen requests of three agents and all seven operations wait for a person; a second run adds none.

    The hostile text is stored as it was written, has the risk that the operation has, and never reaches the terminal.
    """
    first = await run(programs, shop)
    lines = first.splitlines()
    assert len([line for line in lines if re.match(r" ?\d+  ", line)]) == 13
    assert "refused" in lines[12]
    assert lines[-1] == f"Decide them at {url_of(shop)}"
    assert "\x1b" not in first
    assert "CISO" not in first
    items = (await shop.get("/v1/approvals", limit=50)).json()["items"]
    assert Counter(item["status"] for item in items) == {"pending": 12}
    assert {item["agent_id"] for item in items} == set(demo.AGENTS)
    assert {item["operation"]["type"] for item in items} == {
        request.operation.type for request in demo.REQUESTS if request.operation.type != "database.drop"
    }
    assert {item["risk"]["level"] for item in items} == {"low", "medium", "high", "critical"}
    [hostile] = [item for item in items if item["reason"] == demo.HOSTILE]
    assert hostile["risk"]["level"] == "high"
    assert stat.S_IMODE((shop.settings.data_dir / demo.KEYS_FILE).stat().st_mode) == 0o600

    assert await run(programs, shop) == first
    assert len((await shop.get("/v1/approvals", limit=50)).json()["items"]) == 12
    await run(programs, shop, "--again")
    assert len((await shop.get("/v1/approvals", limit=50)).json()["items"]) == 24


async def test_without_an_assent_it_says_what_to_start(programs: Programs, tmp_path: Path) -> None:
    """One sentence, and no key is made."""
    words = [sys.executable, "-m", "examples.demo", "--url", f"http://{LOOPBACK}:{free_port()}"]
    program = programs.start("demo", words, {"ASSENT_DATA_DIR": str(tmp_path / "data")})
    assert await eventually("it ends", lambda: program.exit_code, until=lambda code: code is not None, within=60) == 1
    assert "start it by `make run`" in program.log
    assert not (tmp_path / "data").exists()
