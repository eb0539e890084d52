"""`assent.yaml`, read strictly: a file that is wrong anywhere is refused whole, with a sentence that says where."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import override

from domain.operation import OperationDeclaration


class ConfigurationError(Exception):
    """`assent.yaml` cannot be used. The message names the file, the place and what to write."""


_MERGE = "tag:yaml.org,2002:merge"
"""The tag of `<<`, which takes over another mapping's entries; it may stand beside them."""


class Configuration(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(ge=1, le=1, strict=True)
    operations: dict[str, OperationDeclaration] = Field(min_length=1)


def load_configuration(path: Path) -> Configuration:
    """Read and check `path`. Raises ConfigurationError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"Cannot read {path}: {error}. Give the path of assent.yaml by --config or ASSENT_CONFIG."
        raise ConfigurationError(message) from error
    try:
        content = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506  it derives from SafeLoader
        return Configuration.model_validate(content)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors())
        message = f"{path} cannot be used: {places}"
        raise ConfigurationError(message) from error
    except Exception as error:
        # Not all that is wrong in a YAML file is a YAMLError: a date that no calendar has, a list as a key, or a word
        # tagged as a number raises whatever Python says of it.
        message = f"{path} is not valid YAML: {error}"
        raise ConfigurationError(message) from error


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML's safe loader takes the last of two equal keys without a word; this one refuses them."""

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
