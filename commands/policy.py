"""`assent policy`: look for mistakes in `assent.yaml` before it is put in force."""
# ruff: noqa: PLC0415  the imports inside commands, as the package says

import sys
from pathlib import Path

from cyclopts import App

app = App(name="policy", help="Look after the policy.")

WRONG = 2
"""What a file with mistakes ends with: as everywhere, it has to be changed first."""


@app.command
def check(file: Path, /) -> None:
    """Check a file as a start would, and name each mistake with its line. Warnings do not fail it.

    Args:
        file: The file to check, such as assent.yaml.
    """
    from config.errors import ConfigurationError
    from config.policy_warnings import warnings_of
    from services.wiring import load_assent_file

    try:
        _, policy_file = load_assent_file(file)
    except ConfigurationError as error:
        problems = [problem.located(file) for problem in error.problems] or [str(error)]
        sys.stderr.write("".join(f"{problem}\n" for problem in problems))
        raise SystemExit(WRONG) from None
    policy = policy_file.current()
    for warning in warnings_of(policy):
        sys.stdout.write(f"{file}: warning: {warning}\n")
    counted = f"{len(policy.declarations)} operations, {len(policy.rules)} rules"
    sys.stdout.write(f"{file} can be used: {counted}, policy version {policy.version}\n")
