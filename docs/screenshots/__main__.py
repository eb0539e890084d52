"""Take every picture of the dashboard: `python -m docs.screenshots`, about a minute."""

import asyncio
import os
import sys
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path

from playwright.async_api import Browser

from docs.screenshots.camera import FOLDER, Camera, looking
from docs.screenshots.history import History
from docs.screenshots.team import add_team
from docs.screenshots.waiting import CRITICAL, REJECTED, ask
from storage import migrate
from tests.browser.reviewing import approve, open_approval, said
from tests.support.browser import find_chromium, launched, visiting
from tests.support.stack import Stack, keep_beating, make_settings, open_stack
from tests.support.team import PASSWORD
from tests.support.temporal import TemporalServer, connect

_SHIPPED = FOLDER.parents[1] / "assent.yaml"


async def main(chromium: str) -> None:
    """Serve an Assent of its own in a folder that goes away, fill it, and take the pictures."""
    with tempfile.TemporaryDirectory(prefix="assent-screenshots-") as folder:
        os.environ["ASSENT_DATA_DIR"] = folder
        url = f"sqlite:///{folder}/assent.db"
        migrate.upgrade(url)
        server = TemporalServer(Path(folder))
        try:
            server.start()
            settings = make_settings(Path(folder), url, f"screenshots-{uuid.uuid4()}")
            settings = settings.model_copy(update={"config": _SHIPPED})
            async with (
                open_stack(settings, await connect(server), team=()) as stack,
                stack.worker(sandbox=False, max_cached_workflows=1000),
                keep_beating(stack),
                launched(chromium) as browser,
            ):
                await _take_all(stack, browser)
        finally:
            server.close()


async def _take_all(stack: Stack, browser: Browser) -> None:
    site = str(stack.http.base_url).rstrip("/")
    add_team(stack)
    await asyncio.to_thread(lambda: History(stack, datetime.now(UTC)).play(REJECTED))
    waiting = await ask(stack)
    async with visiting(browser, site) as ben:
        await ben.sign_in("ben", PASSWORD)
        await open_approval(ben.page, {"id": waiting[CRITICAL]})
        await approve(ben.page, typed="4711")
        await said(ben.page, "Another person")
    for look in ("light", "dark", "phone"):
        async with looking(browser, site, look) as page:
            await Camera(page, look).take(waiting)


found = find_chromium()
if found is None:
    sys.exit("The pictures are taken with a chromium, and none is here. CONTRIBUTING.md says how to add one.")
asyncio.run(main(found))
sys.stdout.flush()
os._exit(0)
