"""What `assent dev` passes on to its worker and its API."""

from pathlib import Path

import pytest
from temporalio.client import Client

from dev.environment import child_environment
from tests.support.stack import make_settings


def test_one_address_of_metrics_is_not_given_to_two_processes(
    temporal_client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of them could not listen there, and would be started again for ever."""
    monkeypatch.setenv("ASSENT_METRICS_ADDRESS", "127.0.0.1:9464")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    settings = make_settings(tmp_path, f"sqlite:///{tmp_path}/assent.db", "assent")

    passed_on = child_environment(settings, temporal_client, None)

    assert not passed_on["ASSENT_METRICS_ADDRESS"]
    assert passed_on["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
