"""What the worker and the API are told about this start, and where it can be reached."""

import os

from temporalio.client import Client

from config.settings import Settings
from dev.data_folder import keep_signing_key
from dev.temporal_server import LOOPBACK, TemporalPorts

# A worker that ends within the few seconds in which everything stops can still record what it cut off.
WORKER_GRACE_SECONDS = 1

_ANY_ADDRESS = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104  what to call it, not what to bind


def child_environment(settings: Settings, temporal: Client, ui_url: str | None) -> dict[str, str]:
    """Return the environment of worker and API: ours, with what this start was given and found.

    The first person's password is not passed on: operations run in the worker, and could read it.
    """
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ASSENT_ADMIN_PASSWORD")},
        **_signing_key(settings),
        "ASSENT_HOST": settings.host,
        "ASSENT_PORT": str(settings.port),
        "ASSENT_DATA_DIR": str(settings.data_dir),
        "ASSENT_CONFIG": str(settings.config),
        "ASSENT_TEMPORAL_UI_URL": ui_url or "",
        "ASSENT_SHUTDOWN_GRACE_SECONDS": str(WORKER_GRACE_SECONDS),
        "TEMPORAL_ADDRESS": address_of(temporal),
        # Both would listen there, and the second could not start.
        "ASSENT_METRICS_ADDRESS": "",
        "PYTHONUNBUFFERED": "1",
    }


def _signing_key(settings: Settings) -> dict[str, str]:
    """Point the children to the data folder's signing key, unless the environment gives them one."""
    if settings.signing_keys is not None:
        return {}
    return {"ASSENT_SIGNING_KEYS_FILE": str(keep_signing_key(settings.data_dir))}


def address_of(temporal: Client) -> str:
    """Return the address that the client connects to."""
    return temporal.service_client.config.target_host


def temporal_ui_url(settings: Settings, ports: TemporalPorts, temporal: Client) -> str | None:
    """Return where the UI is: as set, else at our own port, when that is in use."""
    if settings.temporal_ui_url is None and address_of(temporal) == ports.address and not ports.ui.is_free:
        return ports.ui_url
    return settings.temporal_ui_url


def api_url(settings: Settings) -> str:
    """Return where this machine reaches the API."""
    host = _ANY_ADDRESS.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
