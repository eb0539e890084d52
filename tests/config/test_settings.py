"""Settings: each one is documented, and a wrong one ends the start with a sentence."""

import base64
import re
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from config.errors import SettingsError
from config.settings import FROM_FILES, PREFIX, Settings, load_settings

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
FIRST, SECOND = bytes(range(32)), bytes(reversed(range(32)))


def written(key_id: str, secret: bytes) -> str:
    return f"{key_id}:{base64.urlsafe_b64encode(secret).decode()}"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with a signing key and nothing else of Assent's."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)
        monkeypatch.delenv(f"{PREFIX}{name.upper()}_FILE", raising=False)
    monkeypatch.setenv("ASSENT_SIGNING_KEYS", written("k1", FIRST))
    return monkeypatch


def sentence_of(environment: pytest.MonkeyPatch, **variables: str) -> str:
    """Return the sentence that ends the start when `variables` are set."""
    for name, value in variables.items():
        environment.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    return str(refused.value)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    """A setting that is not in the reference, with its default and its description, does not exist."""
    field = Settings.model_fields[name]
    default = "" if field.default_factory or field.default is None else f"`{field.default}` ".lower()
    assert field.description
    assert f"| `{PREFIX}{name.upper()}` | {default}| {field.description} |\n" in REFERENCE.read_text(encoding="utf-8")


def test_every_documented_variable_is_a_setting() -> None:
    """The reference promises nothing that is not read."""
    variables = set(re.findall(r"ASSENT_[A-Z_]+", REFERENCE.read_text(encoding="utf-8")))
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert variables == settings | {f"{PREFIX}{name.upper()}_FILE" for name in FROM_FILES}


def test_defaults_are_those_of_a_first_try(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without variables the API listens on this machine only, and all state is under the data folder, absolute."""
    environment.chdir(tmp_path)
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.data_dir == tmp_path / ".assent"
    assert settings.config == tmp_path / "assent.yaml"
    assert settings.database_url == f"sqlite:///{tmp_path}/.assent/assent.db"


def test_command_line_wins_over_the_environment(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is typed counts more than what is set, and the default database follows the data folder."""
    environment.setenv("ASSENT_PORT", "9000")
    environment.setenv("ASSENT_HOST", "0.0.0.0")  # noqa: S104  only read, never bound
    settings = load_settings(port=9001, data_dir=tmp_path)
    assert (settings.host, settings.port) == ("0.0.0.0", 9001)  # noqa: S104  only compared
    assert settings.database_url == f"sqlite:///{tmp_path}/assent.db"


def test_variable_set_to_nothing_counts_as_not_set(environment: pytest.MonkeyPatch) -> None:
    """Compose files pass empty variables on; they mean the default."""
    environment.setenv("ASSENT_PORT", "")
    environment.setenv("ASSENT_ADMIN_KEY", "")
    settings = load_settings()
    assert settings.port == 8000
    assert settings.admin_key is None


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql://u:p%40ss@db/assent", "postgresql+psycopg://u:p%40ss@db/assent"),
        ("postgres://u@db:6432/assent?sslmode=require", "postgresql+psycopg://u@db:6432/assent?sslmode=require"),
        ("postgresql+psycopg://u@db/assent", "postgresql+psycopg://u@db/assent"),
        ("sqlite:////srv/assent.db", "sqlite:////srv/assent.db"),
    ],
)
def test_database_is_reached_by_the_driver_we_have(environment: pytest.MonkeyPatch, given: str, used: str) -> None:
    """PostgreSQL addresses work as platforms write them, passwords with special characters included."""
    environment.setenv("ASSENT_DATABASE_URL", given)
    assert load_settings().database_url == used


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ASSENT_PORT", "http", "is 'http': set it to a whole number from 1 to 65535."),
        ("ASSENT_PORT", "70000", "is '70000': set it to a whole number from 1 to 65535."),
        ("ASSENT_WORKER_SANDBOX", "perhaps", "is 'perhaps': set it to true or false."),
        ("ASSENT_LOG_LEVEL", "loud", "is 'loud': set it to 'debug', 'info', 'warning' or 'error'."),
        ("ASSENT_LOG_FORMAT", "xml", "is 'xml': set it to 'console' or 'json'."),
        ("ASSENT_TEMPORAL_UI_URL", "localhost:8233", "is 'localhost:8233': set it to an address that begins with"),
        ("ASSENT_DATABASE_URL", "nonsense", "is not a database's address: set it to sqlite:///<path> or"),
        ("ASSENT_DATABASE_URL", "mysql://u:secret@db/x", "asks for mysql, which is not supported: set it to"),
        ("ASSENT_DATABASE_URL", "sqlite://", "names no file, and the API and the worker share the database"),
        ("ASSENT_ADMIN_KEY", "two words", "has characters that an HTTP header cannot carry"),
        ("ASSENT_ADMIN_PASSWORD", "secret", "cannot be the password of the person admin. A password has 8 characters"),
        ("ASSENT_PUBLIC_URL", "assent.example.com", "is 'assent.example.com': set it to an address that begins with"),
        ("ASSENT_METRICS_ADDRESS", "9464", "is '9464': set it to <host>:<port>, such as 127.0.0.1:9464."),
        ("ASSENT_METRICS_ADDRESS", "127.0.0.1:0", "is '127.0.0.1:0': set it to <host>:<port>"),
        ("ASSENT_METRICS_ADDRESS", "host:65536", "is 'host:65536': set it to <host>:<port>"),
        ("ASSENT_SESSION_HOURS", "0", "is '0': set it to a number of hours, more than 0 and up to 8760."),
        ("ASSENT_SESSION_IDLE_HOURS", "nan", "is 'nan': set it to a number of hours, more than 0 and up to 8760."),
        ("ASSENT_SIGNING_KEYS", "k1", "is wrong, entry 1 does not begin with a key id"),
        ("ASSENT_SIGNING_KEYS", "k1:+/+/", "is wrong, the key k1 is not base64url"),
        ("ASSENT_SIGNING_KEYS", "k1:AAAAA", "is wrong, the key k1 is not base64url"),
        ("ASSENT_SIGNING_KEYS", written("k1", b"short"), "is wrong, the key k1 has 5 bytes instead of 32"),
        ("ASSENT_SIGNING_KEYS", f"{written('k1', FIRST)},", "is wrong, entry 2 does not begin with a key id"),
        (
            "ASSENT_SIGNING_KEYS",
            f"{written('k1', FIRST)},{written('k1', SECOND)}",
            "is wrong, the key id k1 is there twice",
        ),
    ],
)
def test_wrong_value_is_a_sentence(environment: pytest.MonkeyPatch, variable: str, value: str, words: str) -> None:
    """A wrong value names its variable and what to set, on one line, and never repeats a secret."""
    sentence = sentence_of(environment, **{variable: value})
    assert sentence.startswith(f"{variable} {words}")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "secret" not in sentence
    assert base64.urlsafe_b64encode(FIRST).decode() not in sentence


def test_every_wrong_value_is_told_at_once(environment: pytest.MonkeyPatch) -> None:
    """Two mistakes are two sentences in one go."""
    sentence = sentence_of(environment, ASSENT_PORT="x", ASSENT_LOG_FORMAT="y")
    assert sentence.startswith("ASSENT_PORT is 'x'")
    assert " ASSENT_LOG_FORMAT is 'y'" in sentence


def test_missing_signing_keys_stop_the_start(environment: pytest.MonkeyPatch) -> None:
    """Without a key that API and worker share nothing starts, save commands that sign and verify nothing."""
    environment.delenv("ASSENT_SIGNING_KEYS")
    assert sentence_of(environment).startswith("ASSENT_SIGNING_KEYS is not set: set it to")
    settings = load_settings(need_signing_keys=False)
    with pytest.raises(SettingsError, match="ASSENT_SIGNING_KEYS is not set"):
        settings.signing_key_ring()


def test_signing_keys_keep_their_order(environment: pytest.MonkeyPatch) -> None:
    """The first key signs, so the order written is the order kept; padding and spaces do not matter."""
    environment.setenv("ASSENT_SIGNING_KEYS", f" {written('new', SECOND).rstrip('=')}, {written('old', FIRST)}\n")
    ring = load_settings().signing_key_ring()
    assert list(ring.items()) == [("new", SECOND), ("old", FIRST)]


def test_a_database_has_one_password(environment: pytest.MonkeyPatch) -> None:
    """One in the address and one beside it: nobody could say which is meant."""
    environment.setenv("ASSENT_DATABASE_PASSWORD", "two")
    sentence = sentence_of(environment, ASSENT_DATABASE_URL="postgresql://u:one@db/assent")
    assert sentence == (
        "ASSENT_DATABASE_URL has a password, and ASSENT_DATABASE_PASSWORD is set too: keep one of them."
    )


def test_half_a_worker_version_is_refused(environment: pytest.MonkeyPatch) -> None:
    """A build without its deployment would never get a task."""
    sentence = sentence_of(environment, ASSENT_BUILD_ID="42")
    assert sentence == "Set ASSENT_DEPLOYMENT_NAME and ASSENT_BUILD_ID together, or neither of them."


def test_secrets_are_not_shown() -> None:
    """Settings may be printed or logged by mistake: no key and no database password is in there."""
    settings = Settings.model_validate(
        {"admin_key": "hush", "admin_password": "hush, hush", "database_url": "postgresql://u:hush@db/assent"}
    )
    assert "hush" not in repr(settings)
    apart = {"database_password": "hush", "database_url": "postgresql://u@db/assent"}
    assert "hush" not in repr(Settings.model_validate(apart))
    assert base64.urlsafe_b64encode(FIRST).decode() not in repr(settings)


def test_secrets_may_come_from_files(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Container platforms hand secrets over as files, with a line's end at their end."""
    environment.delenv("ASSENT_SIGNING_KEYS")
    values = {
        "signing_keys": written("k2", SECOND),
        "admin_key": "opensesame",
        "admin_password": "wide open",
        "database_url": "postgresql://assent@db/assent",
        "database_password": "p@ss/w:rd %",
        "notify_secret": "whsec_" + "c2VjcmV0" * 4,
    }
    for name in FROM_FILES:
        (tmp_path / name).write_text(f"{values[name]}\n", encoding="utf-8")
        environment.setenv(f"{PREFIX}{name.upper()}_FILE", str(tmp_path / name))
    settings = load_settings()
    assert settings.signing_key_ring() == {"k2": SECOND}
    assert settings.admin_key is not None
    assert settings.admin_key.get_secret_value() == "opensesame"
    assert settings.admin_password is not None
    assert settings.admin_password.get_secret_value() == "wide open"
    assert make_url(settings.database_url).password == values["database_password"]
    assert settings.notify_secret is not None
    assert settings.notify_secret.get_secret_value() == "whsec_" + "c2VjcmV0" * 4


def test_secret_file_that_is_of_no_use_is_a_sentence(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is missing, empty or no text, and a value given twice, are named."""
    path = tmp_path / "key"
    assert "which cannot be read (No such file or directory)" in sentence_of(
        environment, ASSENT_ADMIN_KEY_FILE=str(path)
    )
    path.write_bytes(b" \n")
    assert "which is empty" in sentence_of(environment)
    path.write_bytes(b"\xff\xfe\x00")
    assert "which is not text" in sentence_of(environment)
    path.write_text("opensesame", encoding="utf-8")
    sentence = sentence_of(environment, ASSENT_ADMIN_KEY="opensesame")
    assert sentence == "ASSENT_ADMIN_KEY and ASSENT_ADMIN_KEY_FILE are both set: keep one of them."
