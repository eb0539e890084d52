"""Child processes: what they print, how they come back, and how they end."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from config.errors import StartError
from dev import tether
from dev.child import Child
from dev.children import Children
from dev.process import Program
from dev.terminal import Terminal
from tests.support.eventually import eventually, wait_until

SMALL = Path(__file__).with_name("small_children.py")
MakeProgram = Callable[..., Program]


@pytest.fixture(params=[tether.KERNEL, tether.PIPE])
def program(request: pytest.FixtureRequest) -> MakeProgram:
    """Makes programs out of the small children, tied to us in each of the two ways."""
    if request.param == tether.KERNEL and sys.platform != "linux":
        pytest.skip("Only Linux tells a process that its parent has died.")

    def make(name: str, *words: str, log: Path | None = None) -> Program:
        command = (sys.executable, str(SMALL), name, *words)
        return Program("small", command, os.environ, log=log, tether_mode=request.param)

    return make


@pytest.fixture
def out() -> io.StringIO:
    """What the person at the terminal sees."""
    return io.StringIO()


@asynccontextmanager
async def kept(child: Child) -> AsyncIterator[None]:
    """Keep `child` running for the time of the block."""
    keeping = asyncio.create_task(child.keep_running())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def test_output_is_passed_on_line_by_line(program: MakeProgram, out: io.StringIO) -> None:
    """Each line comes after the child's name; what could repaint the terminal or forge a line is written out."""
    child = await Child.start(program("loud"), Terminal(out))
    assert await child.ended() == 0
    lines = out.getvalue().splitlines()
    assert lines[:3] == [r"small | plain", r"small | \x1b[2Jforged\x0dline", "small | windows"]
    assert "".join(line.removeprefix("small | ") for line in lines[3:-2]) == "x" * 1_500_000
    assert lines[-2:] == ["small | not text: \N{REPLACEMENT CHARACTER}", "small | no end"]


async def test_output_may_go_to_a_file(program: MakeProgram, out: io.StringIO, tmp_path: Path) -> None:
    """A child with a log writes to the end of that, and nothing to the terminal."""
    log = tmp_path / "small.log"
    log.write_text("before\n", encoding="utf-8")
    assert await (await Child.start(program("misconfigured", log=log), Terminal(out))).ended() == 2
    assert log.read_text(encoding="utf-8") == "before\nASSENT_X is wrong: set it right.\n"
    assert out.getvalue() == ""


async def test_child_that_dies_is_started_again(program: MakeProgram, out: io.StringIO, tmp_path: Path) -> None:
    """A death of its own is told and mended, after a pause that grows from one second."""
    children = Children(Terminal(out))
    child = await children.start(program("shaky", str(tmp_path / "times")))
    async with kept(child):
        await eventually("it lives at the third try", out.getvalue, until=lambda seen: "time 3" in seen)
    await children.stop()
    told = [line for line in out.getvalue().splitlines() if not line.startswith("small | ")]
    assert [line.rpartition(": ")[2] for line in told] == ["starting it again in 1 s.", "starting it again in 2 s."]


async def test_child_with_wrong_settings_is_not_started_again(program: MakeProgram, out: io.StringIO) -> None:
    """Exit code 2 means that somebody must change a setting: trying again would only repeat the sentence."""
    child = await Child.start(program("misconfigured"), Terminal(out))
    with pytest.raises(StartError, match="The small process cannot work with these settings"):
        await child.keep_running()
    assert out.getvalue() == "small | ASSENT_X is wrong: set it right.\n"


async def test_nothing_that_a_child_started_is_left(program: MakeProgram, out: io.StringIO) -> None:
    """A process that a child leaves behind would keep its ports and its output; it ends with the child."""
    child = await Child.start(program("abandoning"), Terminal(out))
    async with asyncio.timeout(10):
        await child.ended()
    left = int(out.getvalue().partition("left=")[2])
    await eventually("it is gone", lambda: not psutil.pid_exists(left))


async def test_children_stop_in_order_within_the_grace(program: MakeProgram, out: io.StringIO) -> None:
    """The last one started is asked first; one that refuses is killed, and all are gone within five seconds."""
    children = Children(Terminal(out))
    willing = await children.start(program("wait"))
    stubborn = await children.start(program("stubborn"))
    await eventually("the stubborn one has made up its mind", out.getvalue)
    started = asyncio.get_running_loop().time()
    await children.stop()
    assert asyncio.get_running_loop().time() - started < 5
    assert stubborn.exit_code == -signal.SIGKILL
    assert willing.exit_code in (-signal.SIGTERM, 128 + signal.SIGTERM)


async def test_stopping_can_be_hurried(program: MakeProgram, out: io.StringIO) -> None:
    """Whoever asks a second time does not want to wait."""
    children = Children(Terminal(out))
    await children.start(program("stubborn"))
    await eventually("it has made up its mind", out.getvalue)
    stopping = asyncio.create_task(children.stop())
    await asyncio.sleep(0.1)
    children.kill()
    async with asyncio.timeout(1):
        await stopping


async def test_program_that_does_not_exist_is_a_sentence(out: io.StringIO) -> None:
    """A command that cannot be run says so, and is not tried for ever."""
    child = await Child.start(Program("small", ("/nowhere/at-all",), os.environ), Terminal(out))
    assert await child.ended() == 2
    assert out.getvalue() == "small | /nowhere/at-all cannot be run: No such file or directory.\n"


def tethered(mode: str, parent: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", tether.__file__, mode, str(parent), "", sys.executable, str(SMALL), "wait"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603  our own command


def test_closed_pipe_ends_the_whole_session() -> None:
    """Where the kernel does not help, the end of the pipe that the parent held does."""
    with tethered(tether.PIPE, 0) as process:
        [child] = wait_until("its command runs", psutil.Process(process.pid).children)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == -signal.SIGKILL
        wait_until("the command is gone", lambda: not child.is_running())


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux tells a process that its parent has died.")
def test_parent_that_is_dead_already_leaves_nothing() -> None:
    """A parent that dies while its child is being started leaves no child behind."""
    with tethered(tether.KERNEL, parent=1) as process:
        assert process.wait(10) == tether.CANNOT_RUN
