"""Which Temporal `assent dev` uses, and how its own is started."""

import io
import os
import socket
from pathlib import Path

import pytest

from config.errors import PortUnavailableError, StartError, TemporalUnreachableError
from dev.child import Child
from dev.ports import Port
from dev.temporal_server import TemporalPorts, own_temporal, running_temporal, until_temporal_answers
from dev.terminal import Terminal
from tests.support.ports import LOOPBACK, free_port
from tests.support.temporal import TemporalServer


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names no Temporal."""
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)
    return monkeypatch


@pytest.fixture
def ports() -> TemporalPorts:
    """Two ports that are free now."""
    return TemporalPorts(Port(LOOPBACK, free_port(), "--temporal-port"), Port(LOOPBACK, free_port(), "--ui"))


@pytest.mark.parametrize("host", [None, "127.0.0.1", "localhost"])
async def test_free_port_means_one_of_our_own(
    ports: TemporalPorts, environment: pytest.MonkeyPatch, host: str | None
) -> None:
    """With nothing configured, or just the place where ours would listen, ours is started."""
    if host is not None:
        environment.setenv("TEMPORAL_ADDRESS", f"{host}:{ports.service.number}")
    assert await running_temporal(ports) is None


async def test_temporal_at_our_port_is_used(temporal_server: TemporalServer, ports: TemporalPorts) -> None:
    """A Temporal that answers where ours would listen is as good."""
    theirs = Port(LOOPBACK, int(temporal_server.address.rpartition(":")[2]), "--temporal-port")
    client = await running_temporal(TemporalPorts(theirs, ports.ui))
    assert client is not None
    assert client.service_client.config.target_host == temporal_server.address


async def test_other_program_at_our_port_is_a_sentence(ports: TemporalPorts) -> None:
    """A program that takes connections and is no Temporal is told apart from one, also when it never answers."""
    with (
        socket.create_server((LOOPBACK, ports.service.number)),
        pytest.raises(PortUnavailableError, match=r"is taken by another program: .* by --temporal-port\.$"),
    ):
        await running_temporal(ports)


async def test_configured_temporal_that_is_away_is_a_sentence(
    ports: TemporalPorts, environment: pytest.MonkeyPatch
) -> None:
    """What was configured is never silently replaced by a Temporal of our own."""
    address = f"{LOOPBACK}:{free_port()}"
    environment.setenv("TEMPORAL_ADDRESS", address)
    with pytest.raises(TemporalUnreachableError) as refused:
        await running_temporal(ports)
    assert str(refused.value) == (
        f"Temporal at {address} cannot be reached (connection refused): start it, or set TEMPORAL_ADDRESS to where it "
        "is. Without TEMPORAL_ADDRESS, one is started here."
    )


def test_our_own_is_given_no_secrets(ports: TemporalPorts, environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The server's process needs none of our settings, and takes its own from its flags alone."""
    environment.setenv("ASSENT_ADMIN_KEY", "opensesame")
    environment.setenv("TEMPORAL_NAMESPACE", "shop")
    program = own_temporal(ports, tmp_path)
    assert not [name for name in program.environment if name.startswith(("ASSENT_", "TEMPORAL_"))]
    assert program.command[program.command.index("--namespace") + 1] == "shop"


async def test_broken_state_is_a_sentence(ports: TemporalPorts, tmp_path: Path) -> None:
    """A server that ends before it answers is not waited for: its reason, and where its log is."""
    (tmp_path / "temporal.db").write_bytes(b"this is no database" * 1000)
    child = await Child.start(own_temporal(ports, tmp_path), Terminal(io.StringIO()))
    log = tmp_path / "temporal.log"
    with pytest.raises(StartError, match=r"^Temporal did not start: .+ More may be in .*/temporal\.log\.$"):
        await until_temporal_answers(child, ports, log)
    await child.ended()
