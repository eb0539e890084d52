"""The section `notify`, and the secrets that alerts are signed with: right, or refused with a sentence."""

import base64
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.assent_file import AssentFile
from config.errors import ConfigurationError, SettingsError
from config.notify import notify_secrets
from config.settings import load_settings
from config.signing_keys import make_signing_key

FILE = """\
version: 1
operations:
  note.write: {resource_types: [note], run: notes:write, parameters: notes:Note, version: "1"}
"""


def read(folder: Path, notify: str) -> AssentFile:
    path = folder / "assent.yaml"
    path.write_text(f"{FILE}notify: {notify}\n", encoding="utf-8")
    return AssentFile.read(path)


def secret(size: int) -> str:
    return "whsec_" + base64.b64encode(b"s" * size).decode()


@pytest.mark.parametrize(
    "notify",
    [
        "{url: 'https://hooks.example.com/assent?team=1'}",
        "{url: 'https://hooks.example.com:8443', private_addresses: true}",
        "{url: 'http://relay.internal:8080/assent', private_addresses: true}",
        "{url: 'http://127.0.0.1:9000/', private_addresses: true}",
        "{url: 'https://[2606:4700:4700::1111]/'}",
    ],
)
def test_a_url_of_the_web_is_taken(tmp_path: Path, notify: str) -> None:
    """By https, or by plain http where private addresses are allowed."""
    assert read(tmp_path, notify).notify is not None


def test_without_the_section_nobody_is_told(tmp_path: Path) -> None:
    """That is the default, also where the section is there and empty."""
    assert read(tmp_path, "").notify is None


@pytest.mark.parametrize(
    ("notify", "words"),
    [
        ("https://hooks.example.com/x", "notify: Input should be a valid dictionary"),
        ("{}", "notify.url: Field required"),
        ("{url: 'https://hooks.example.com/x', secret: x}", "notify.secret: Extra inputs are not permitted"),
        ("{url: 'https://hooks.example.com/x', private_addresses: 'yes'}", "notify.private_addresses: Input should be"),
        ("{url: 7}", "notify.url: Input should be a valid string"),
        ("{url: hooks.example.com/x-4711}", "notify.url: is not a URL of the web"),
        ("{url: 'ftp://hooks.example.com/x-4711'}", "notify.url: is not a URL of the web"),
        ("{url: 'https:///x-4711'}", "notify.url: is not a URL of the web"),
        ("{url: 'https://hooks.example.com:port/x-4711'}", "notify.url: is not a URL"),
        ("{url: 'https://ada:x-4711@hooks.example.com/'}", "notify.url: holds a name, a password or a fragment"),
        ("{url: 'https://hooks.example.com/#x-4711'}", "notify.url: holds a name, a password or a fragment"),
        ("{url: 'http://hooks.example.com/x-4711'}", "notify: plain http is for private addresses alone"),
        ("{url: 'https://10.0.0.1/x-4711'}", "notify: 10.0.0.1 is a private address"),
        ("{url: 'https://[::ffff:127.0.0.1]/x-4711'}", "is a private address"),
        ("{url: 'https://169.254.169.254/x-4711', private_addresses: true}", "is an address that alerts are never"),
        ("{url: 'http://1.1.1.1/x-4711', private_addresses: true}", "1.1.1.1 is a public address"),
    ],
)
def test_what_alerts_cannot_be_sent_to_is_refused(tmp_path: Path, notify: str, words: str) -> None:
    """With the file, the place and what to write; never with the URL, which may be a secret."""
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, notify)
    assert words in str(refused.value)
    assert "4711" not in str(refused.value)


def test_the_url_is_not_shown(tmp_path: Path) -> None:
    """In nothing that is logged or drawn in a traceback."""
    assert "4711" not in repr(read(tmp_path, "{url: 'https://hooks.example.com/x-4711'}"))


@pytest.mark.parametrize(
    "written", [secret(24), secret(64), f"{secret(32)},{secret(33)}", f" {secret(32)} , {secret(24)} "]
)
def test_one_or_two_secrets_are_taken(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """In the form of Standard Webhooks; two while the receiver changes over."""
    monkeypatch.setenv("ASSENT_SIGNING_KEYS", make_signing_key("k1"))
    monkeypatch.setenv("ASSENT_NOTIFY_SECRET", written)
    found = notify_secrets(load_settings().notify_secret)
    assert found == tuple(part.strip() for part in written.split(","))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("c2VjcmV0", "one does not begin with whsec_"),
        ("whsec_?c2VjcmV0", "one is not base64"),
        (secret(23), "one has 23 bytes"),
        (secret(65), "one has 65 bytes"),
        (f"{secret(32)},", "one does not begin with whsec_"),
        (",".join([secret(32)] * 3), "there are 3 of them"),
    ],
)
def test_a_wrong_secret_ends_the_start(monkeypatch: pytest.MonkeyPatch, written: str, words: str) -> None:
    """With a sentence that does not repeat it."""
    monkeypatch.setenv("ASSENT_SIGNING_KEYS", make_signing_key("k1"))
    monkeypatch.setenv("ASSENT_NOTIFY_SECRET", written)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert f"ASSENT_NOTIFY_SECRET is wrong, {words}: set it to whsec_<base64" in str(refused.value)
    assert "c2Vj" not in str(refused.value)


def test_a_missing_secret_is_told_with_how_to_make_one() -> None:
    """The command makes one that is taken."""
    with pytest.raises(SettingsError, match="ASSENT_NOTIFY_SECRET is not set") as missing:
        notify_secrets(None)
    assert "Make one by: python3 -c '" in str(missing.value)
    assert notify_secrets(SecretStr(secret(32))) == (secret(32),)
