"""The connection to Temporal, and namespaces that are made fit for Assent, on real servers."""

import socket
import uuid
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from config.errors import NamespaceError, SettingsError, TemporalUnreachableError
from config.temporal import SEARCH_ATTRIBUTES, connect, missing_search_attributes, prepare_namespace
from tests.support.eventually import eventually
from tests.support.ports import LOOPBACK, free_port
from tests.support.temporal import TemporalServer, find_program


@pytest.fixture
async def fresh(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client in a namespace of its own, which keeps closed workflows for a day, as the dev server's do."""
    namespace = f"n-{uuid.uuid4()}"
    monkeypatch.setenv("TEMPORAL_NAMESPACE", namespace)
    client = await connect("test", address=temporal_server.address)
    retention = Duration()
    retention.FromTimedelta(timedelta(days=1))
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
    )
    # Each part of the server learns of a new namespace in its own time.
    await eventually("the namespace is known", lambda: missing_search_attributes(client), despite=(NamespaceError,))
    return client


async def retention_of(client: Client) -> timedelta:
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    return described.config.workflow_execution_retention_ttl.ToTimedelta()


async def test_connection_follows_temporals_own_variables(
    temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address and namespace come from Temporal's variables, and the UI shows which process of which host it is."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_server.address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "default")
    client = await connect("worker")
    assert client.namespace == "default"
    assert client.identity == f"assent-worker@{socket.gethostname()}"


async def test_temporal_that_is_not_there_is_a_sentence() -> None:
    """The sentence names the address and what to set."""
    address = f"{LOOPBACK}:{free_port()}"
    with pytest.raises(TemporalUnreachableError) as refused:
        await connect("test", address=address)
    assert str(refused.value) == (
        f"Temporal at {address} cannot be reached (connection refused): "
        "start it, or set TEMPORAL_ADDRESS to where it is."
    )


@pytest.mark.parametrize("address", ["two words", "http://127.0.0.1:7233", ":7233"])
async def test_address_that_is_none_is_a_sentence(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """A wrong address is a setting to change, not a server to wait for."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    with pytest.raises(SettingsError, match=r"^TEMPORAL_ADDRESS is .*: set it to <host>:<port>"):
        await connect("test")


async def test_unknown_profile_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that Temporal's file does not have is named."""
    monkeypatch.setenv("TEMPORAL_PROFILE", "nowhere")
    with pytest.raises(SettingsError, match=r"^Temporal's own settings cannot be used: .*nowhere.*TEMPORAL_PROFILE"):
        await connect("test")


async def test_namespace_is_made_fit_once(fresh: Client) -> None:
    """What is missing is added and the retention raised; doing it again changes nothing."""
    assert await missing_search_attributes(fresh) == list(SEARCH_ATTRIBUTES)
    for _ in range(2):
        await prepare_namespace(fresh)
        assert await missing_search_attributes(fresh) == []
        assert await retention_of(fresh) == timedelta(days=30)


async def test_longer_retention_is_kept(fresh: Client) -> None:
    """Whoever keeps closed workflows for longer has a reason."""
    await prepare_namespace(fresh, retention_days=60)
    await prepare_namespace(fresh, retention_days=30)
    assert await retention_of(fresh) == timedelta(days=60)


async def test_attribute_of_another_type_is_a_sentence(fresh: Client) -> None:
    """Another system's attribute of the same name is neither used nor changed."""
    await fresh.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=fresh.namespace, search_attributes={"AgentId": IndexedValueType.INDEXED_VALUE_TYPE_INT}
        )
    )

    async def complaint() -> str:
        try:
            await missing_search_attributes(fresh)
        except NamespaceError as error:
            return str(error)
        return ""

    sentence = await eventually("it is told", complaint)
    assert sentence.startswith(f"The search attribute AgentId of the namespace {fresh.namespace} has another type than")


async def test_attributes_that_do_not_fit_are_a_sentence(fresh: Client) -> None:
    """A namespace holds ten keywords; one that others have filled cannot be made fit, and the server says why."""
    others = {f"Other{number}": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for number in range(8)}
    await fresh.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=fresh.namespace, search_attributes=others)
    )
    with pytest.raises(NamespaceError, match=r"^Temporal could not change the namespace .*try again to add the search"):
        await prepare_namespace(fresh)


async def test_namespace_that_does_not_exist_is_a_sentence(
    temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Assent does not make namespaces; it says which one is missing."""
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "nowhere")
    client = await connect("test", address=temporal_server.address)
    with pytest.raises(
        NamespaceError, match=r"^Temporal has no namespace nowhere: create it, or set TEMPORAL_NAMESPACE"
    ):
        await prepare_namespace(client)


async def test_server_that_lists_no_attributes_is_prepared_all_the_same() -> None:
    """The time-skipping server refuses to list attributes and to change a namespace, and takes new attributes."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=find_program("temporal-test-server")
    ) as environment:
        for _ in range(2):
            await prepare_namespace(environment.client)
