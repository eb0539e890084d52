"""A worker that dies, as by kill -9, right after a record was committed and before its workflow task is completed.

Which record is named by the `CRASH_AFTER` variable: `open`, `decide`, `expire`, `finish`, or `claim`.
"""

import os
import signal
from typing import Any

from storage.approvals import ApprovalStore
from storage.claims import ClaimStore
from worker import main


def _die_after(owner: type, name: str) -> None:
    real = getattr(owner, name)

    def recorded(*arguments: Any, **options: Any) -> None:  # noqa: ANN401  passed on
        real(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, recorded)


if __name__ == "__main__":
    record = os.environ["CRASH_AFTER"]
    _die_after(ClaimStore if record == "claim" else ApprovalStore, record)
    main()
