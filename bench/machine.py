"""What the benchmark runs on, in words that name nobody."""

import os
import platform
import subprocess
from importlib.metadata import version

import psutil

from tests.support.temporal import find_program

_GB = 1_000_000_000
_PACKAGES = ("temporalio", "dbos", "fastapi", "pydantic", "sqlalchemy")


def describe_machine() -> str:
    """Return the machine and the versions that count, as the end of a sentence."""
    temporal = subprocess.run(  # noqa: S603  our own command
        [find_program("temporal"), "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"on one machine with {os.cpu_count()} cores and {psutil.virtual_memory().total / _GB:.0f} GB of memory, "
        f"{platform.system()}, Python {platform.python_version()}; {temporal}; {packages}"
    )
