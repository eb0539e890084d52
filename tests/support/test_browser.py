"""Rules of the search for a browser; they need none."""

from pathlib import Path

import pytest

from tests.support.browser import CHROMIUM_NAMES, CHROMIUM_VARIABLE, chromium_or_leave, find_chromium


def test_the_browser_that_is_named_comes_first(tmp_path: Path) -> None:
    """Whoever names a browser gets that one, whatever is on the PATH."""
    environment = {"PATH": _folder_with("chromium", tmp_path), CHROMIUM_VARIABLE: "/opt/mine"}

    assert find_chromium(environment) == "/opt/mine"


@pytest.mark.parametrize("name", CHROMIUM_NAMES)
def test_a_browser_on_the_path_is_found(name: str, tmp_path: Path) -> None:
    """Each usual name will do."""
    assert find_chromium({"PATH": _folder_with(name, tmp_path)}) == str(tmp_path / name)


def test_without_a_browser_its_tests_are_left_out_and_say_how_to_add_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without a browser still runs the other tests."""
    monkeypatch.setattr("sys.platform", "linux")

    with pytest.raises(pytest.skip.Exception, match=r"were left out.*apt install chromium.*ASSENT_TEST_CHROMIUM"):
        chromium_or_leave({"PATH": str(tmp_path)})


def test_in_ci_browser_tests_are_never_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With CI set, a missing browser is a failure."""
    monkeypatch.setattr("sys.platform", "linux")

    with pytest.raises(pytest.fail.Exception, match="apt install chromium"):
        chromium_or_leave({"PATH": str(tmp_path), "CI": "true"})


def _folder_with(name: str, folder: Path) -> str:
    program = folder / name
    program.touch(mode=0o755)
    return str(folder)
