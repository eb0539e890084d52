"""The connection to Temporal, and what a namespace needs before Assent can use it.

The connection follows Temporal's own conventions: `TEMPORAL_*` variables and TOML profiles.
"""

import asyncio
import re
import socket
from collections.abc import Mapping, Sequence
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from config.errors import NamespaceError, SettingsError, TemporalUnreachableError

DEFAULT_ADDRESS = "127.0.0.1:7233"
RETENTION_DAYS = 30

SEARCH_ATTRIBUTES: Mapping[str, str] = {
    "ApprovalStatus": "Keyword",
    "AgentId": "Keyword",
    "OperationType": "Keyword",
    "ResourceType": "Keyword",
    "RiskLevel": "Keyword",
    "ExpiresAt": "Datetime",
    "DecidedBy": "KeywordList",
}
"""What must be registered, name to Temporal's name of the type; the keys themselves are in workflows."""

# A server that accepts connections and never answers must not hold a start for ever.
CONNECT_SECONDS = 10.0

# The service takes a moment to make a new search attribute visible.
LOOK_AGAIN_SECONDS = 0.2
VISIBLE_LOOKS = 75

_STATUS_MESSAGE = re.compile(r'message: "([^"]*)"')

# What the frontend answers when it will not change a namespace, as Temporal Cloud does.
_REFUSALS = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.UNAUTHENTICATED})


def connect_options() -> ClientConnectConfig:
    """Return what the environment and Temporal's profile say. Raises SettingsError when they make no sense."""
    try:
        return ClientConfig.load_client_connect_config()
    except (RuntimeError, OSError, ValueError) as error:
        message = f"Temporal's own settings cannot be used: {error}. Correct TEMPORAL_PROFILE or TEMPORAL_CONFIG_FILE."
        raise SettingsError(message) from None


async def connect(
    process: str,
    *,
    address: str | None = None,
    lazy: bool = False,
    runtime: Runtime | None = None,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """Connect as `process` (such as `worker`), which Temporal's UI shows; `address` wins over the environment's.

    `interceptors` see each call, and whatever a worker of this client does. A lazy client connects on its first call,
    which raises RuntimeError when that fails. Raises SettingsError and TemporalUnreachableError.
    """
    options = connect_options()
    options["target_host"] = address or options.get("target_host") or DEFAULT_ADDRESS
    if "://" in options["target_host"]:
        message = f"TEMPORAL_ADDRESS is {options['target_host']!r}: set it to <host>:<port>, without a scheme."
        raise SettingsError(message)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await Client.connect(
                **options,
                data_converter=pydantic_data_converter,
                identity=f"assent-{process}@{socket.gethostname()}",
                lazy=lazy,
                runtime=runtime,
                interceptors=interceptors,
            )
    except ValueError as error:
        message = f"TEMPORAL_ADDRESS is {options['target_host']!r} ({error}): set it to <host>:<port>."
        raise SettingsError(message) from None
    except (RuntimeError, RPCError, TimeoutError) as error:
        message = (
            f"Temporal at {options['target_host']} cannot be reached ({_brief(error)}): "
            "start it, or set TEMPORAL_ADDRESS to where it is."
        )
        raise TemporalUnreachableError(message) from None


async def missing_search_attributes(client: Client) -> list[str]:
    """Return the names that the namespace does not have yet. Raises NamespaceError when one has another type."""
    registered = await _registered(client)
    if registered is None:
        return [name for name in SEARCH_ATTRIBUTES if not await _is_searchable(client, name)]
    for name, type_name in SEARCH_ATTRIBUTES.items():
        if registered.get(name, indexed_type(type_name)) != indexed_type(type_name):
            message = (
                f"The search attribute {name} of the namespace {client.namespace} has another type than {type_name}: "
                "use another namespace, by TEMPORAL_NAMESPACE."
            )
            raise NamespaceError(message)
    return [name for name in SEARCH_ATTRIBUTES if name not in registered]


async def prepare_namespace(client: Client, *, retention_days: int = RETENTION_DAYS) -> None:
    """Add the search attributes that are missing, and keep closed workflows for at least `retention_days`.

    Safe to run again. Raises NamespaceError when the service refuses, or when an attribute has another type.
    """
    missing = await missing_search_attributes(client)
    if missing:
        await _add_search_attributes(client, missing)
    await _raise_retention(client, timedelta(days=retention_days))


async def _registered(client: Client) -> Mapping[str, IndexedValueType.ValueType] | None:
    """Return the namespace's own search attributes, None when the service tells only its administrators."""
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        if error.status in _REFUSALS:
            return None
        raise _namespace_error(client.namespace, "list its search attributes", error) from error
    return listed.custom_attributes


async def _is_searchable(client: Client, name: str) -> bool:
    """Whether a query may name the search attribute, which anybody who uses the namespace can find out."""
    query = f"WorkflowId = '-' AND {name} IS NOT NULL"
    try:
        await client.workflow_service.count_workflow_executions(
            CountWorkflowExecutionsRequest(namespace=client.namespace, query=query)
        )
    except RPCError as error:
        if error.status in (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.UNIMPLEMENTED):
            return False
        raise _namespace_error(client.namespace, f"search it by {name}", error) from error
    return True


async def _add_search_attributes(client: Client, missing: list[str]) -> None:
    wanted = ", ".join(f"{name} ({SEARCH_ATTRIBUTES[name]})" for name in missing)
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace,
                search_attributes={name: indexed_type(SEARCH_ATTRIBUTES[name]) for name in missing},
            )
        )
    except RPCError as error:
        # Two processes may prepare one namespace at the same time.
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise _namespace_error(client.namespace, f"add the search attributes {wanted}", error) from error
    for _ in range(VISIBLE_LOOKS):
        registered = await _registered(client)
        if registered is None or registered.keys() >= SEARCH_ATTRIBUTES.keys():
            return
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    message = f"Temporal took the search attributes {wanted} and does not show them: try again in a minute."
    raise NamespaceError(message)


async def _raise_retention(client: Client, wanted: timedelta) -> None:
    try:
        described = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
        config = described.config
        if not config.HasField("workflow_execution_retention_ttl"):
            return  # a server for tests, which keeps everything until it ends
        if config.workflow_execution_retention_ttl.ToTimedelta() >= wanted:
            return
        retention = Duration()
        retention.FromTimedelta(wanted)
        await client.workflow_service.update_namespace(
            UpdateNamespaceRequest(
                namespace=client.namespace, config=NamespaceConfig(workflow_execution_retention_ttl=retention)
            )
        )
    except RPCError as error:
        raise _namespace_error(client.namespace, f"set its retention to {wanted.days} days", error) from error


def indexed_type(type_name: str) -> "IndexedValueType.ValueType":
    """Return the API's value for a type as the command line names it: `KeywordList` is KEYWORD_LIST there."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type_name)
    return IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{words.upper()}")


def _namespace_error(namespace: str, step: str, error: RPCError) -> NamespaceError:
    if error.status is RPCStatusCode.NOT_FOUND:
        return NamespaceError(
            f"Temporal has no namespace {namespace}: create it, or set TEMPORAL_NAMESPACE to another."
        )
    if error.status in _REFUSALS:
        return NamespaceError(
            f"Temporal does not let Assent change the namespace {namespace} ({error.message}): {step} by other means, "
            "such as Temporal Cloud's own console or `tcld`."
        )
    return NamespaceError(
        f"Temporal could not change the namespace {namespace} ({error.message}): try again to {step}."
    )


def _brief(error: Exception) -> str:
    """Say in a few words why a connection failed; the client's own message prints its whole stack of errors."""
    text = str(error)
    if isinstance(error, TimeoutError):
        return f"no answer in {CONNECT_SECONDS:.0f} s"
    if "ConnectionRefused" in text:
        return "connection refused"
    if "dns error" in text:
        return "the host is not known"
    told = _STATUS_MESSAGE.search(text)
    return told[1] if told else text.removeprefix("Failed client connect: ")
