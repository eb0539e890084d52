"""What docs/deploy.md says to write is what the processes read."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import load_settings
from config.signing_keys import make_signing_key
from dev.production import env_file
from dev.production.compose import ComposeFile

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
PASSWORD = "p@ss/w:rd %#?&"  # noqa: S105  nobody's


def override() -> dict[str, Any]:
    """Return the override of the compose file that hands secrets over as files."""
    [block] = [
        text for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if "secrets" in text
    ]
    read: dict[str, Any] = yaml.safe_load(block)
    return read


@pytest.mark.parametrize("name", ["api", "worker", "migrate"])
def test_secrets_may_come_as_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the page's override, each service reads its keys and its database's password from the mounted files."""
    said = override()
    service = said["services"][name]
    variables = env_file.variables(env_file.filled_in(env_file.EXAMPLE.read_text(encoding="utf-8")))
    environment = {**ComposeFile.read(ROOT, variables).services[name].environment, **service["environment"]}
    keys = make_signing_key("k9")
    for secret, value in (("signing_keys", keys), ("database_password", PASSWORD)):
        assert secret in service["secrets"]
        assert secret in said["secrets"]
        (tmp_path / secret).write_text(f"{value}\n", encoding="utf-8")
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value.replace("/run/secrets", str(tmp_path)))

    settings = load_settings()

    assert settings.signing_key_ring().keys() == {"k9"}
    assert settings.database_url == ("postgresql+psycopg://assent:p%40ss%2Fw%3Ard %25%23%3F%26@postgresql:5432/assent")
