"""Starts a ComfyUI on a free port of the loopback interface, and ends it."""

import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ..queueing.gone import Gone
from ..queueing.secret import NAME
from ..queueing.server import Server
from ..text import one_line
from .options import Options

GUARD = Path(__file__).with_name("guard.py")
ASK = 5.0  # seconds in which it answers whether it is up
LOOK = 0.2  # seconds between two such questions
TAIL = 600  # characters of the end of a log that are shown
_HOST = "127.0.0.1"


class ComfyUI:
    """A ComfyUI of our own; nobody outside this machine can reach it. It has its own folders for what it makes.

    It ends with ``end``, or with this process, whatever happens to it. Raises ``Gone`` if there is none to start, or if
    it does not answer within ``timeout`` seconds.
    """

    def __init__(self, options: Options, timeout: float) -> None:
        folder = Path(options.comfyui).expanduser()
        if not (folder / "main.py").is_file():
            raise Gone(f"has no ComfyUI in {str(folder)!r} (no main.py)")
        if not hasattr(os, "fork"):
            raise Gone("cannot guard a ComfyUI on this system; expected Linux or macOS")
        made = self.folder = tempfile.mkdtemp(prefix="fsampler-")
        self.address = f"http://{_HOST}:{free_port()}"
        self.log = tempfile.TemporaryFile()
        self.end_of_log: str | None = None  # once it has ended
        command = [python_of(folder, options.python), "main.py", *options.arguments, *_own(self.address, made)]
        self.status, told = os.pipe()
        self.guarded = subprocess.Popen(
            [sys.executable, "-I", GUARD, str(told), made, *command],
            cwd=folder,
            env=environment(os.environ),
            stdin=subprocess.PIPE,  # which the guard waits for to be closed
            stdout=self.log,
            stderr=self.log,
            pass_fds=[told],
        )
        os.close(told)
        self.guarded.wait()
        with contextlib.ExitStack() as undo:
            undo.callback(self.end)
            self._wait(made, timeout)
            undo.pop_all()

    def _wait(self, made: str, timeout: float) -> None:
        """Until it answers, and it is ours: another server may have taken the port, which its command tells."""
        server, until = Server(self.address, timeout=min(ASK, timeout)), time.monotonic() + timeout
        while time.monotonic() < until:
            if (said := self.ended()) is not None:
                raise Gone(said)
            with contextlib.suppress(Gone):
                if any(word.startswith(made) for word in server.system().argv):
                    return
            time.sleep(LOOK)
        raise Gone(f"has a ComfyUI that does not come up within {timeout:g} s; {self.said()}")

    def ended(self) -> str | None:
        """What its log says at the end if it has ended, else None."""
        if self.end_of_log is None and select.select([self.status], [], [], 0)[0]:
            status = os.read(self.status, 16).decode() or "unknown, for its guard was killed"
            self.end_of_log = f"has a ComfyUI that ended with status {status}; {self.said()}"
        return self.end_of_log

    def said(self) -> str:
        """The last lines of its log."""
        size = os.fstat(self.log.fileno()).st_size
        tail = os.pread(self.log.fileno(), TAIL, max(0, size - TAIL)).decode(errors="replace")
        whole = [one_line(line) for line in tail.splitlines()[size > TAIL :]]  # the first may have lost its beginning
        return f"its log ends: {' | '.join(filter(None, whole)) or '(nothing)'}"

    def end(self) -> None:
        """End it, and wait until it has ended."""
        if self.guarded.stdin is not None:
            self.guarded.stdin.close()
        select.select([self.status], [], [])
        shutil.rmtree(self.folder, ignore_errors=True)  # if the guard could not


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as free:
        free.bind((_HOST, 0))
        port: int = free.getsockname()[1]
        return port


def python_of(folder: Path, named: str | None) -> str:
    """The Python that runs a ComfyUI: the named one, that in its folder, else the one that runs this."""
    if named is not None:
        return str(Path(named).expanduser())
    own = (folder / name / "bin/python" for name in (".venv", "venv"))
    return str(next((path for path in own if path.exists()), sys.executable))


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Without what is Ray's or the queue's business, tokens among it."""
    return {name: value for name, value in given.items() if not name.startswith("RAY_") and name != NAME}


def _own(address: str, made: str) -> list[str]:
    """Its arguments from us; they come last, so that they count whatever the user's say."""
    host, _, port = address.partition("://")[2].partition(":")
    folders = ["--output-directory", f"{made}/output", "--temp-directory", f"{made}/temp"]
    return ["--listen", host, "--port", port, "--database-url", "sqlite:///:memory:", *folders]
