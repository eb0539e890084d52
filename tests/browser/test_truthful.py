"""The screen never claims more than is known: what arrives, what ends, and what is not there while it is open."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import expect
from sqlalchemy import update

from assent.models import NewPause
from domain.policy import Policy
from operations.registry import OperationRegistry
from storage.tables import approvals
from tests.browser.reviewing import SETTLED, approve, open_approval, reviewer, row, said, status
from tests.support.browser import Visit
from tests.support.module_stack import open_module_stack
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack, beating, keep_beating
from tests.support.team import add_team
from tests.support.temporal import TemporalServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

BRIEF = timedelta(seconds=8)


class Worker:
    """A worker that can be stopped and started in the middle of a test."""

    def __init__(self, stack: Stack, operations: OperationRegistry) -> None:
        self._stack = stack
        self._operations = operations
        self._running = AsyncExitStack()

    async def start(self) -> None:
        policy = Policy(self._operations.declarations)
        worker = self._stack.worker(
            sandbox=False, max_cached_workflows=1000, operations=self._operations, policy=lambda: policy
        )
        await self._running.enter_async_context(worker)
        await self._running.enter_async_context(keep_beating(self._stack))

    async def stop(self) -> None:
        await self._running.aclose()


def _brief(stack: Stack) -> OperationRegistry:
    """Return the operations, of which one has seconds to be decided: the file allows no less than a minute."""
    found = {name: stack.operations.find(name) for name in stack.operations.declarations}
    declared = {name: operation for name, operation in found.items() if operation is not None}
    brief = declared["note.brief"]
    declaration = brief.declaration.model_copy(update={"timeout": BRIEF})
    return OperationRegistry(declared | {"note.brief": brief.model_copy(update={"declaration": declaration})})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    async with open_module_stack(temporal_server, sqlite_template, tmp_path_factory.mktemp("truthful")) as stack:
        await asyncio.to_thread(add_team, stack)
        yield stack


@pytest_asyncio.fixture(loop_scope="module")
async def worker(served: Stack) -> AsyncIterator[Worker]:
    """A worker for one test."""
    worker = Worker(served, _brief(served))
    await worker.start()
    yield worker
    await worker.stop()


@pytest.mark.usefixtures("worker")
async def test_an_arrival_waits_behind_a_link(served: Stack, visit: Visit) -> None:
    """Nothing moves by itself: the count, the title and a link tell of it, and the link shows it."""
    first = await served.pending("note.low")
    page = (await reviewer(visit)).page
    await expect(page.locator(row(first))).to_be_visible()

    second = await served.pending("note.high")
    # The stream tells of each by itself.
    await page.wait_for_timeout(1000)
    third = await served.pending("note.low")

    link = page.locator("[data-arrivals] a")
    await expect(link).to_have_text("Show 2 new")
    await expect(page.locator("h1 [data-waiting]")).not_to_have_text("1")
    await expect(page).to_have_title(re.compile(r"^\(\d+\) Queue"))
    assert await page.locator(row(second)).count() == 0
    await link.click()
    await expect(page.locator(row(second))).to_be_visible()
    await expect(page.locator(row(third))).to_be_visible()


@pytest.mark.usefixtures("worker")
async def test_a_filtered_queue_counts_what_it_shows(served: Stack, visit: Visit) -> None:
    """Of two arrivals only the one that the filter lets through is announced."""
    await served.pending("note.critical")
    page = (await reviewer(visit)).page
    await page.goto("/?risk=critical")
    await page.wait_for_timeout(SETTLED)

    await served.pending("note.low")
    await served.pending("note.critical")

    await expect(page.locator("[data-arrivals] a")).to_have_text("Show 1 new")


_HIDE = """() => {
    window.told = [];
    window.Notification = class { constructor(title) { window.told.push(title); } static permission = "granted"; };
    Object.defineProperty(document, "hidden", { get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.mark.usefixtures("worker")
async def test_a_queue_in_the_background_goes_on_counting(served: Stack, visit: Visit) -> None:
    """In its title, and by a notification for those who asked for one, in our words alone."""
    await served.pending("note.high")
    page = (await reviewer(visit)).page
    before = await page.title()
    assert re.match(r"\(\d+\) Queue", before)
    await page.evaluate(_HIDE)

    await served.pending("note.low", reason="Look at me!")

    await expect(page).not_to_have_title(before)
    assert await page.evaluate("window.told") == ["1 new request waits"]


@pytest.mark.usefixtures("worker")
async def test_a_row_decided_elsewhere_stays_dimmed(served: Stack, visit: Visit) -> None:
    """It says who decided, where it stood."""
    approval = await served.pending("note.low")
    page = (await reviewer(visit)).page
    await expect(page.locator(row(approval))).to_be_visible()
    await page.wait_for_timeout(SETTLED)

    await served.decide(approval, "reject", by="bob")

    await expect(page.locator(f"{row(approval)} .outcome")).to_have_text("Rejected by bob")
    await expect(page.locator(f"{row(approval)}.done")).to_be_visible()


@pytest.mark.usefixtures("worker")
async def test_the_deadline_passes_on_the_screen(served: Stack, visit: Visit) -> None:
    """It turns bold while it is soon, and then the page says that nothing ran."""
    page = (await reviewer(visit)).page
    approval = await served.pending("note.brief")
    await open_approval(page, approval)
    await expect(page.locator("#topic .soon")).to_be_visible()

    await said(page, "Expired at .* Nothing ran.|The deadline has passed")
    await expect(page.locator("#bar .said")).to_contain_text("Expired at", timeout=20_000)
    await expect(page.locator("#bar [data-approve]")).to_have_count(0)
    assert (await served.ended(approval))["status"] == "expired"


async def test_without_a_worker_nothing_is_claimed(served: Stack, visit: Visit, worker: Worker) -> None:
    """A decision is sent and not recorded; the same page tells when it is."""
    approval = await served.pending("note.medium")
    await worker.stop()
    page = (await reviewer(visit)).page
    await open_approval(page, approval)
    await approve(page)
    await said(page, "Sent, not recorded yet. Don't send it again; this page will tell you.")
    assert await status(served, approval) == "pending"

    await worker.start()
    await said(page, "Done:")
    ended = await served.ended(approval)
    assert (ended["status"], len(ended["decisions"])) == ("executed", 1)


async def test_without_scripts_too_a_decision_that_is_not_recorded_is_said_to_be_so(
    served: Stack, visit: Visit, worker: Worker
) -> None:
    """The page that answers says that it was sent, and offers no second one."""
    approval = await served.pending("note.low")
    await worker.stop()
    page = (await reviewer(visit, scripts=False)).page
    await page.goto(f"/approvals/{approval['id']}/approve")
    await page.click("#bar [data-confirm]")

    await said(page, "Sent, not recorded yet. Don't send it again")
    await expect(page.locator("#bar [data-approve]")).to_have_count(0)
    await worker.start()
    ended = await served.ended(approval)
    assert (ended["status"], len(ended["decisions"])) == ("executed", 1)


async def test_every_page_says_that_no_worker_runs(served: Stack, visit: Visit) -> None:
    """And that requests are safe."""
    async with _no_signs_of_life(served):
        page = (await reviewer(visit)).page
        for path in ("/", "/history", "/you"):
            await page.goto(path)
            await expect(page.locator("#banners")).to_contain_text(
                "No worker is running. Requests are safe; nothing runs; deadlines still count.", timeout=25_000
            )
    async with beating(served):
        await expect(page.locator("#banners")).to_be_empty(timeout=25_000)


@asynccontextmanager
async def _no_signs_of_life(stack: Stack) -> AsyncIterator[None]:
    with stack.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM workers")
    yield


@pytest.mark.usefixtures("worker")
async def test_every_page_says_what_is_paused(served: Stack, visit: Visit) -> None:
    """By whom and why, also on a page that was open before; an approval says that it is held, and runs afterwards."""
    approval = await served.pending("note.low")
    page = (await reviewer(visit)).page
    await open_approval(page, approval)
    scope = {"operation_type": "note.low"}
    made = await served.http.post(
        "/v1/pause",
        headers=served.bearer("admin"),
        json=NewPause(reason="The notebook is full.", **scope).model_dump(exclude_none=True),
    )
    assert made.is_success, made.text
    await expect(page.locator("#banners")).to_contain_text("note.low is paused by automation")
    await expect(page.locator("#banners")).to_contain_text("The notebook is full.")
    await page.wait_for_timeout(SETTLED)
    await approve(page)
    await said(page, "Approved by grace. Paused by automation, .* It has not started.")

    resumed = await served.http.post("/v1/resume", headers=served.bearer("admin"), json=scope)

    assert resumed.is_success, resumed.text
    await expect(page.locator("#banners")).to_be_empty()
    await said(page, "Done:")


@pytest.mark.usefixtures("worker")
async def test_changed_content_disarms(served: Stack, visit: Visit) -> None:
    """Somebody edits the record while the last step is open: it closes, and the page shows what is different."""
    approval = await served.pending("note.quorum", parameters={"text": "as it was"})
    page = (await reviewer(visit)).page
    await open_approval(page, approval)
    await page.click("#bar [data-approve]")
    await expect(page.locator("#bar [data-confirm]")).to_be_visible()

    with served.database.write() as connection:
        edited = update(approvals).where(approvals.c.id == approval["id"]).values(parameters={"text": "as it is"})
        connection.execute(edited)
    # A vote of somebody else makes the page look again.
    voted = await served.decide(approval, by="bob")
    assert voted.is_success, voted.text

    await expect(page.locator("[data-changed]")).to_have_text("This changed. Look again.")
    await expect(page.locator("[data-field=text].differs")).to_contain_text("as it is")
    await expect(page.locator("#bar.stepping")).to_have_count(0)
    assert await status(served, approval) == "pending"


@pytest.mark.usefixtures("worker")
async def test_offline_nothing_can_be_decided(served: Stack, visit: Visit) -> None:
    """The page says what it last knew, and takes no decision until it hears again; what is unread stays off then."""
    approval = await served.pending("note.low")
    long = await served.pending("note.low", parameters={"text": "\n".join(f"line {number}" for number in range(60))})
    visitor = await reviewer(visit)
    page = visitor.page
    narrow = await visitor.context.new_page()
    await narrow.set_viewport_size({"width": 390, "height": 844})
    await open_approval(narrow, long)
    unread = narrow.locator("#bar [data-approve]")
    await expect(unread).to_have_text("Read to the end")
    await open_approval(page, approval)
    await visitor.context.set_offline(True)
    await expect(narrow.locator("[data-connection]")).to_contain_text("Deciding is off.", timeout=25_000)
    await expect(page.locator("[data-connection]")).to_contain_text(
        re.compile(r"Can't reach Assent. Last known \d\d:\d\d UTC. Deciding is off."), timeout=25_000
    )
    await page.keyboard.press("a")
    await page.wait_for_timeout(300)
    assert await page.locator("#bar.stepping").count() == 0

    await visitor.context.set_offline(False)
    await expect(narrow.locator("[data-connection]")).to_be_empty(timeout=25_000)
    await expect(unread).to_have_attribute("aria-disabled", "true")
    await expect(unread).to_have_text("Read to the end")
    await expect(page.locator("[data-connection]")).to_be_empty(timeout=25_000)
    await page.wait_for_timeout(SETTLED)
    await page.keyboard.press("a")
    await expect(page.locator("#bar.stepping")).to_be_visible()
