"""Small programs that stand where the worker and the API stand, so that the supervisor is tried on real processes."""

import http.server
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from typing_extensions import override


class Ready(http.server.BaseHTTPRequestHandler):
    """Answers 200 to everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def api() -> None:
    """Listen where the settings say."""
    http.server.HTTPServer((os.environ["ASSENT_HOST"], int(os.environ["ASSENT_PORT"])), Ready).serve_forever()


def worker() -> None:
    """Say what it was given, then wait."""
    key_file = os.environ.get("ASSENT_SIGNING_KEYS_FILE", "none")
    sys.stdout.write(f"pid={os.getpid()} temporal={os.environ['TEMPORAL_ADDRESS']} key={key_file}\n")
    sys.stdout.write(f"ui={os.environ['ASSENT_TEMPORAL_UI_URL']} data={os.environ['ASSENT_DATA_DIR']}\n")
    sys.stdout.flush()
    wait()


def wait() -> None:
    """Live until somebody ends it."""
    while True:
        time.sleep(60)


def stubborn() -> None:
    """Refuse to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    wait()


def misconfigured() -> None:
    """End as a process does whose settings are wrong."""
    sys.stderr.write("ASSENT_X is wrong: set it right.\n")
    sys.exit(2)


def abandoning() -> None:
    """Leave a process behind, which holds on to the output."""
    left = subprocess.Popen([sys.executable, __file__, "wait"])  # noqa: S603  our own command
    sys.stdout.write(f"left={left.pid}\n")
    sys.exit(0)


def shaky() -> None:
    """Die the first two times, then live; a file counts."""
    counter = Path(sys.argv[2])
    times = int(counter.read_text(encoding="utf-8")) + 1 if counter.exists() else 1
    counter.write_text(str(times), encoding="utf-8")
    sys.stdout.write(f"time {times}\n")
    sys.stdout.flush()
    if times <= 2:
        os.kill(os.getpid(), signal.SIGKILL)
    wait()


def loud() -> None:
    """Print what terminals do not like."""
    sys.stdout.buffer.write(b"plain\n\x1b[2Jforged\rline\nwindows\r\n" + b"x" * 1_500_000 + b"\nnot text: \xff\nno end")


if __name__ == "__main__":
    {each.__name__: each for each in (api, worker, wait, stubborn, misconfigured, abandoning, shaky, loud)}[
        sys.argv[1]
    ]()
