"""`assent.yaml`, read strictly: a file that is wrong anywhere is refused whole, with sentences that say where."""

from collections import Counter
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from typing_extensions import override

from assent.models import RiskLevel
from config.errors import ConfigurationError, Problem
from config.notify import Notify
from domain.conditions import ConditionError
from domain.operation import DecisionTime, OperationDeclaration
from domain.policy import Policy
from domain.rules import MAX_RULES, Rule

_MERGE = "tag:yaml.org,2002:merge"
"""The tag of `<<`, which takes over another mapping's entries; it may stand beside them."""


class AssentFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(ge=1, le=1, strict=True)
    operations: dict[str, OperationDeclaration] = Field(min_length=1)
    rules: Annotated[tuple[Rule, ...], Field(max_length=MAX_RULES)] = ()
    timeouts: dict[RiskLevel, DecisionTime] = Field(default_factory=dict)
    notify: Notify | None = None

    @field_validator("rules")
    @classmethod
    def _named_once(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        twice = [name for name, count in Counter(rule.name for rule in rules).items() if count > 1]
        if twice:
            message = f"more than one rule is named {', '.join(twice)}: give each a name of its own"
            raise ValueError(message)
        return rules

    def policy(self, declarations: Mapping[str, OperationDeclaration] | None = None) -> Policy:
        """Return the file's rules over its own operations, or over those that are already running."""
        return Policy(self.operations if declarations is None else declarations, self.rules, self.timeouts)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and check `path`. Raises ConfigurationError."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message = f"Cannot read {path}: {error}. Give the path of assent.yaml by --config or ASSENT_CONFIG."
            raise ConfigurationError(message) from error
        try:
            content = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506  it derives from SafeLoader
            return cls.model_validate(content)
        except ValidationError as error:
            lines = _Lines(text)
            problems = tuple(lines.problem(one, content) for one in error.errors())
            message = f"{path} cannot be used: {'; '.join(str(problem) for problem in problems)}"
            raise ConfigurationError(message, problems) from error
        except Exception as error:
            # Not all that is wrong in a YAML file is a YAMLError: a date that no calendar has, a list as a key, or a
            # word tagged as a number raises whatever Python says of it.
            mark = getattr(error, "problem_mark", None)
            problem = Problem(place="", text=str(error), line=None if mark is None else mark.line + 1)
            message = f"{path} is not valid YAML: {error}"
            raise ConfigurationError(message, (problem,)) from error


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


class _Lines:
    """Where in the text of a valid YAML file something stands."""

    def __init__(self, text: str) -> None:
        self._root = yaml.compose(text, Loader=yaml.SafeLoader)

    def problem(self, error: ErrorDetails, content: object) -> Problem:
        """Return one of pydantic's errors with its place and its line."""
        place = error["loc"]
        node = self._node(place)
        line = None if node is None else node.start_mark.line + 1
        cause = error.get("ctx", {}).get("error")
        if line is not None and isinstance(cause, ConditionError) and isinstance(node, yaml.ScalarNode):
            # The text of a block begins on the line below its mark.
            line += cause.line - 1 + (1 if node.style in ("|", ">") else 0)
        text = error["msg"] if cause is None else str(cause)
        return Problem(place=_written(place, content), text=text, line=line)

    def _node(self, place: tuple[int | str, ...]) -> yaml.Node | None:
        """Return the node at `place`, or the last one on the way that the file has: what is missing has no line."""
        node: yaml.Node | None = self._root
        for step in place:
            following = _child(node, step)
            if following is None:
                break
            node = following
        return node


def _child(node: yaml.Node | None, step: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        found = [(key, value) for key, value in node.value if key.value == str(step)]
        return found[0][1] if found else None
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child: yaml.Node = node.value[step]
        return child
    return None


def _written(place: tuple[int | str, ...], content: object) -> str:
    """Return `place` as people say it; a rule is called by its name, where it has one."""
    steps = [str(step) for step in place]
    match place:
        case ("rules", int(number), *_) if isinstance(content, dict):
            rule = content["rules"][number]
            if isinstance(rule, dict) and isinstance(rule.get("name"), str):
                steps[1] = rule["name"]
        case _:
            pass
    return ".".join(steps)
