"""The settings of every Assent process: `ASSENT_*` environment variables, read once at the start.

`docs/reference/settings.md` lists them for people; a test keeps the two together.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypedDict, Unpack

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from typing_extensions import override

from config.errors import SettingsError
from config.listening import parse_address
from config.notify import NotifySecret
from config.secret_files import SecretFiles
from config.signing_keys import FORM, HOW_TO_MAKE, parse_signing_keys
from domain.errors import InvalidPersonError
from domain.people import FIRST_PERSON, check_password

PREFIX = "ASSENT_"
FROM_FILES = ("signing_keys", "admin_key", "admin_password", "database_url", "database_password", "notify_secret")
"""Settings that `ASSENT_<NAME>_FILE` may give as the path of a file, the way container platforms hand over secrets."""

_FORMS = {
    "port": "a whole number from 1 to 65535",
    "worker_sandbox": "true or false",
    "submissions_per_minute": "a whole number from 1 to 1000000",
    "session_idle_hours": "a number of hours, more than 0 and up to 8760",
    "session_hours": "a number of hours, more than 0 and up to 8760",
    "shutdown_grace_seconds": "a number of seconds from 0 to 3600",
}
_DATABASE_FORM = "sqlite:///<path> or postgresql://<user>:<password>@<host>/<database>"


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _lower(written: object) -> object:
    return written.lower() if isinstance(written, str) else written


def _listener(written: str) -> str:
    parse_address(written)
    return written


def _database_in(validated: dict[str, Any]) -> str:
    return URL.create("sqlite", database=str(validated["data_dir"] / "assent.db")).render_as_string()


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class Given(TypedDict, total=False):
    """Settings given on the command line; they win over the environment."""

    host: str
    port: int
    data_dir: Path
    config: Path


class Settings(BaseSettings):
    """Everything that can be set. Immutable; composition roots load it and pass on what each part needs."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True, validate_default=True
    )

    host: str = Field(default="127.0.0.1", description="The address that the API listens on.")
    port: int = Field(default=8000, ge=1, le=65535, description="The port that the API listens on.")
    data_dir: AbsolutePath = Field(
        default=Path(".assent"), description="The folder for everything that is kept in files; made when missing."
    )
    config: AbsolutePath = Field(
        default=Path("assent.yaml"), description="The file that lists the operations and how strictly each is approved."
    )
    # Before the address, whose validator puts it in.
    database_password: SecretStr | None = Field(
        default=None,
        description="The password of the user that `ASSENT_DATABASE_URL` names, for an address without one. Any "
        "characters, none of them escaped.",
    )
    database_url: str = Field(
        default_factory=_database_in,
        repr=False,
        description="The database: `sqlite:///<path>` or `postgresql://<user>:<password>@<host>/<database>`. "
        "Without it, `assent.db` in the data folder.",
    )
    signing_keys: SecretStr | None = Field(
        default=None,
        description="The keys by which workers recognise what an API sent: `<key id>:<base64url of 32 random bytes>`, "
        "separated by commas. The first one signs, all of them verify. The same for every API and worker. "
        "Required, except by `assent dev`, which makes one.",
    )
    admin_key: SecretStr | None = Field(
        default=None,
        description="An admin key named `automation`, for scripts that make the other keys. Use 32 or more random "
        "characters.",
    )
    admin_password: SecretStr | None = Field(
        default=None,
        description="The password of the person `admin`, whom `assent dev` adds on its first start. Without it, one is "
        "made and shown. Nothing else reads it.",
    )
    session_idle_hours: float = Field(
        default=12,
        gt=0,
        le=8760,
        description="How long a person stays signed in without looking at a page, in hours.",
    )
    session_hours: float = Field(
        default=168, gt=0, le=8760, description="How long a person stays signed in at most, in hours."
    )
    public_url: str | None = Field(
        default=None,
        description="Where people reach the dashboard, such as `https://assent.example.com`, for links to it.",
    )
    notify_secret: NotifySecret | None = Field(
        default=None,
        description="What alerts are signed with, as `whsec_<base64 of 24 to 64 random bytes>`; the receiver has it "
        "too. Two, separated by a comma, both sign. Required by a worker whose `assent.yaml` has `notify`.",
    )
    task_queue: str = Field(
        default="assent", min_length=1, description="The Temporal task queue that the API and its workers share."
    )
    submissions_per_minute: int = Field(
        default=1200,
        ge=1,
        le=1_000_000,
        description="How many operations one key may submit to, or try on, one API process in a minute, all at "
        "once or evenly. More are answered with 429.",
    )
    temporal_ui_url: str | None = Field(
        default=None, description="The address of the Temporal UI, for links to workflows. Without it, there are none."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        default="info", description="The least severe level that is logged: `debug`, `info`, `warning` or `error`."
    )
    log_format: Annotated[Literal["console", "json"], BeforeValidator(_lower)] = Field(
        default="console", description="`console` for people, `json` for one JSON object a line."
    )
    metrics_address: Annotated[str, AfterValidator(_listener)] | None = Field(
        default=None,
        description="Where this process serves its metrics, as `<host>:<port>`, such as `127.0.0.1:9464`. Without it, "
        "none are kept. `assent dev` serves none.",
    )
    worker_sandbox: bool = Field(
        default=False,
        description="Run workflow code in Temporal's sandbox, which catches non-deterministic code and doubles the "
        "worker's CPU.",
    )
    shutdown_grace_seconds: float = Field(
        default=30,
        ge=0,
        le=3600,
        description="How long a worker that is told to stop lets running operations finish, in seconds. One that is "
        "cut off ends as `failed` with an unknown outcome.",
    )
    deployment_name: str | None = Field(
        default=None,
        min_length=1,
        description="The worker deployment's name, for Temporal's Worker Versioning. Needs `ASSENT_BUILD_ID`.",
    )
    build_id: str | None = Field(
        default=None,
        min_length=1,
        description="The build that this worker runs, for Temporal's Worker Versioning. "
        "Needs `ASSENT_DEPLOYMENT_NAME`.",
    )

    @field_validator("database_url")
    @classmethod
    def _with_a_driver_we_have(cls, written: str, others: ValidationInfo) -> str:
        password: SecretStr | None = others.data.get("database_password")
        try:
            url = make_url(written)
        except ArgumentError:
            message = f"is not a database's address: set it to {_DATABASE_FORM}"
            raise ValueError(message) from None
        if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
            if password is not None:
                if url.password is not None:
                    message = "has a password, and ASSENT_DATABASE_PASSWORD is set too: keep one of them"
                    raise ValueError(message)
                url = url.set(password=password.get_secret_value())
            return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        if url.drivername != "sqlite":
            message = f"asks for {url.drivername}, which is not supported: set it to {_DATABASE_FORM}"
            raise ValueError(message)
        if url.database in (None, "", ":memory:"):
            message = "names no file, and the API and the worker share the database: set it to sqlite:///<path>"
            raise ValueError(message)
        return written

    @field_validator("signing_keys")
    @classmethod
    def _are_signing_keys(cls, written: SecretStr | None) -> SecretStr | None:
        if written is not None:
            try:
                parse_signing_keys(written.get_secret_value())
            except ValueError as error:
                message = f"is wrong, {error}: set it to {FORM}"
                raise ValueError(message) from None
        return written

    @field_validator("admin_key")
    @classmethod
    def _fits_a_header(cls, written: SecretStr | None) -> SecretStr | None:
        if written is not None and not re.fullmatch(r"[!-~]+", written.get_secret_value()):
            message = "has characters that an HTTP header cannot carry: set it to 32 or more letters and digits"
            raise ValueError(message)
        return written

    @field_validator("admin_password")
    @classmethod
    def _is_a_password(cls, written: SecretStr | None) -> SecretStr | None:
        if written is not None:
            try:
                check_password(written.get_secret_value(), FIRST_PERSON)
            except InvalidPersonError as error:
                message = f"cannot be the password of the person {FIRST_PERSON}. {error.detail.rstrip('.')}"
                raise ValueError(message) from None
        return written

    @field_validator("temporal_ui_url", "public_url")
    @classmethod
    def _is_a_web_address(cls, written: str | None) -> str | None:
        if written is not None and not re.fullmatch(r"https?://[^\s/]\S*", written):
            message = f"is {written!r}: set it to an address that begins with http:// or https://"
            raise ValueError(message)
        return written and written.rstrip("/")

    @model_validator(mode="after")
    def _version_is_whole(self) -> Self:
        if (self.deployment_name is None) != (self.build_id is None):
            message = "Set ASSENT_DEPLOYMENT_NAME and ASSENT_BUILD_ID together, or neither of them."
            raise ValueError(message)
        return self

    @override
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls, PREFIX, FROM_FILES)

    def signing_key_ring(self) -> dict[str, bytes]:
        """Return key id to secret; the first one signs. Raises SettingsError when there is none."""
        if self.signing_keys is None:
            message = (
                "ASSENT_SIGNING_KEYS is not set: set it to the same keys for the API and every worker. "
                f"Make one by: {HOW_TO_MAKE}"
            )
            raise SettingsError(message)
        return parse_signing_keys(self.signing_keys.get_secret_value())


def load_settings(*, need_signing_keys: bool = True, **given: Unpack[Given]) -> Settings:
    """Read the settings. Raises SettingsError with a sentence for each variable that is missing or wrong."""
    try:
        settings = Settings(**given)
    except ValidationError as error:
        wrong = [each for each in error.errors() if each["type"] != "default_factory_not_called"]
        raise SettingsError(" ".join(_sentence(each) for each in wrong)) from None
    if need_signing_keys:
        settings.signing_key_ring()
    return settings


def _sentence(wrong: ErrorDetails) -> str:
    """Say which variable is wrong and what to set; a validator of ours has the words, pydantic's own errors do not."""
    context = wrong.get("ctx", {})
    if not wrong["loc"]:
        return str(context["error"])
    name = str(wrong["loc"][0])
    if "error" in context:
        return f"{PREFIX}{name.upper()} {context['error']}."
    form = _FORMS.get(name) or context.get("expected") or "some text"
    return f"{PREFIX}{name.upper()} is {wrong['input']!r}: set it to {form}."
