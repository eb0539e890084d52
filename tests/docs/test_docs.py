"""The documentation says what is there, and nothing that is not."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from cyclopts import CycloptsError

from api.app import create_app
from assent import Operation
from cli import app as command
from config.settings import FROM_FILES, PREFIX, Settings
from dev.banner import AGENT_KEY_VARIABLE, REVIEWER_KEY_VARIABLE
from domain.errors import InvalidOperationError
from services.wiring import Services, load_assent_file
from tests.support.browser import CHROMIUM_VARIABLE, SCREENSHOTS_VARIABLE
from tests.support.production import FOLDER_VARIABLE

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "sdk" / "README.md"])
README = ROOT / "README.md"

# What the client reads, and what the banner and the README call the first two keys.
CLIENT_VARIABLES = {"ASSENT_URL", "ASSENT_KEY", AGENT_KEY_VARIABLE, REVIEWER_KEY_VARIABLE}
TEST_VARIABLES = {CHROMIUM_VARIABLE, SCREENSHOTS_VARIABLE, FOLDER_VARIABLE}

SHELL = ("sh", "")
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"(?:\]\(|\bsrc(?:set)?=\")([^)\"\s]+)[)\"]")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PATH = re.compile(r"(\w+)((/[\w.-]+)*/?)")
ROUTE = re.compile(r"^\| `(GET|POST|DELETE|PUT|PATCH) (\S+)` \|", re.MULTILINE)

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def test_the_pages_are_found() -> None:
    """The tests below would pass on no pages at all."""
    assert {"README.md", "docs/architecture.md", "docs/reference/errors.md", "sdk/README.md"} <= {
        str(page.relative_to(ROOT)) for page in PAGES
    }


@pages
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """A link names a file that exists and, after `#`, a heading of it."""
    broken = [link for link in LINK.findall(_prose(page)) if "://" not in link and not _resolves(page, link)]

    assert broken == []


@pages
def test_every_file_that_is_named_exists(page: Path) -> None:
    """`services/watch.py` in a sentence is a file or a folder of the repository."""
    named = [found for span in SPAN.findall(_prose(page)) if (found := PATH.fullmatch(span)) and found[2]]

    assert [found[0] for found in named if (ROOT / found[1]).is_dir() and not (ROOT / found[0]).exists()] == []


@pages
def test_every_make_target_exists(page: Path) -> None:
    """`make x` in the docs is a target of the Makefile, and `X=` one of its variables."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+) \?=", makefile, re.MULTILINE))
    words = [word for line in _commands(page) if line[0] == "make" for word in line[1:]]

    assert [word for word in words if word.partition("=")[0] not in (variables if "=" in word else targets)] == []


@pages
def test_every_assent_command_exists(page: Path) -> None:
    """`assent x --y` in the docs is a command that takes that option."""
    assert [(line, why) for line in _commands(page) if line[0] == "assent" for why in _misspelled(line[1:])] == []


@pages
def test_every_python_program_exists(page: Path) -> None:
    """`python x.py` in the docs runs a file of the repository."""
    programs = [line[1] for line in _commands(page) if line[0] in ("python", "python3") and len(line) > 1]

    assert [name for name in programs if name.endswith(".py") and not (ROOT / name).is_file()] == []


@pages
def test_every_variable_is_read_by_somebody(page: Path) -> None:
    """A variable in the docs is a setting, or one that the client, the banner or the tests know."""
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    files = {f"{PREFIX}{name.upper()}_FILE" for name in FROM_FILES}
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))

    assert named - settings - files - CLIENT_VARIABLES - TEST_VARIABLES == set()


@pages
def test_every_python_example_parses_and_imports(page: Path) -> None:
    """What an example imports is there."""
    trees = [ast.parse(text) for language, text in _blocks(page) if language == "python"]
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]

    assert [
        (node.module, name.name)
        for node in imports
        for name in node.names
        if not hasattr(importlib.import_module(node.module or ""), name.name)
    ] == []


def test_the_readme_lists_every_route() -> None:
    """The table of the API has each route once, and no other."""
    app = create_app(lambda: nullcontext(create_autospec(Services, instance=True)))
    routes = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    listed = ROUTE.findall(README.read_text(encoding="utf-8"))

    assert sorted(listed) == sorted(routes)


def test_the_readme_starts_with_an_example_of_twelve_lines() -> None:
    """The first thing to read is an agent, and it fits on the first screen."""
    language, text = next(_blocks(README))

    assert language == "python"
    assert len(text.splitlines()) <= 12


async def test_the_readmes_own_operation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worked example is declared, checked and run as the README says."""
    blocks = list(_blocks(README))
    function = next(text for language, text in blocks if language == "python" and "OperationCall" in text)
    declaration = next(text for language, text in blocks if language == "yaml" and "flags:" in text)
    (tmp_path / "flags.py").write_text(function, encoding="utf-8")
    (tmp_path / "assent.yaml").write_text(f"version: 1\noperations:\n{declaration}", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    registry = load_assent_file(tmp_path / "assent.yaml")[0]

    asked = Operation(type="flag.set", resource_type="flag", resource_id="new-checkout", parameters={"enabled": True})
    checked, _ = registry.checked(asked)
    result = await registry.run(checked, approval_id="1", agent_id="agent")

    assert checked.parameters == {"enabled": True, "percent": 100}
    assert result == {"flag": "new-checkout", "enabled": True, "percent": 100}
    assert (tmp_path / ".assent" / "flags" / "new-checkout.json").is_file()
    with pytest.raises(InvalidOperationError, match="resource_id"):
        registry.checked(asked.model_copy(update={"resource_id": "../escape"}))


def _blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the language and the text of each fenced block."""
    for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield found[2], found[3]


def _prose(page: Path) -> str:
    """Return the page without its fenced blocks."""
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def _commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command line, in blocks for a shell and in sentences; the program without its folder."""
    shell = "\n".join(text for language, text in _blocks(page) if language in SHELL).replace("\\\n", "")
    for line in [*shell.splitlines(), *SPAN.findall(_prose(page))]:
        assigned = re.match(r"(?:[A-Z_]+=(?:\"[^\"]*\"|\S)* )*", line)
        text = line[assigned.end() if assigned else 0 :]
        if re.match(r"(\.venv/bin/)?(assent|make|python3?)( |$)", text):
            yield shlex.split(text.removeprefix(".venv/bin/"), comments=True)


def _misspelled(words: list[str]) -> Iterator[str]:
    """Yield why the command line cannot be parsed. Nothing is run."""
    try:
        command.parse_args(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        yield str(error)


def _resolves(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists() or ROOT not in target.parents:
        return False
    return not anchor or anchor in {_anchor(heading) for heading in HEADING.findall(_prose(target))}


def _anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
