"""Settings handed over as files: `ASSENT_<NAME>_FILE` names a file that holds the value."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from typing_extensions import override

from config.errors import SettingsError


class SecretFiles(PydanticBaseSettingsSource):
    """Reads the settings named `names` from the files that the environment points to."""

    def __init__(self, settings_cls: type[BaseSettings], prefix: str, names: Sequence[str]) -> None:
        """Take the environment variables' prefix and the names of the settings that may come as files."""
        super().__init__(settings_cls)
        self._prefix = prefix
        self._names = names

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._read(field_name), field_name, False

    @override
    def __call__(self) -> dict[str, Any]:
        values = {name: self._read(name) for name in self._names}
        return {name: value for name, value in values.items() if value is not None}

    def _read(self, name: str) -> str | None:
        """Return the file's text without surrounding white space; None when no file is named."""
        variable = f"{self._prefix}{name.upper()}"
        path = os.environ.get(f"{variable}_FILE")
        if not path:
            return None
        if os.environ.get(variable):
            message = f"{variable} and {variable}_FILE are both set: keep one of them."
            raise SettingsError(message)
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            message = f"{variable}_FILE names {path}, which cannot be read ({error.strerror}): name a readable file."
            raise SettingsError(message) from None
        except UnicodeDecodeError:
            message = f"{variable}_FILE names {path}, which is not text: write the value into it as plain text."
            raise SettingsError(message) from None
        if not text:
            message = f"{variable}_FILE names {path}, which is empty: write the value into it."
            raise SettingsError(message)
        return text
