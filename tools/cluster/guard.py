"""A script that runs a command for as long as its own input stays open, then ends it and removes its folder.

Usage: guard.py TELL FOLDER COMMAND... The input is a pipe from the process that wants the command. However that process
ends, killed or not, the system closes the pipe; so nothing that it has started outlives it. The command has a process
group of its own, all of which is ended. TELL is an open pipe: the exit status is written there, and it is closed when
all is done.

The script leaves its parent at once. A worker of Ray's kills its children when it ends, and this one would not come to
do its work. Should it be killed all the same, Linux ends the command.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys

PATIENCE = 5.0  # seconds from asking the command to end to ending it
LOOK = 0.2  # seconds
_PR_SET_PDEATHSIG = 1  # of prctl(2)


def main(tell: str, folder: str, *command: str) -> None:
    """Run the command in the background."""
    if os.fork():
        return
    os.setsid()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
    try:
        status = run(command)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    os.write(int(tell), str(status).encode())


def run(command: tuple[str, ...]) -> int:
    """Its exit status when it has ended, by itself or because the input is closed."""
    system = ctypes.CDLL(None) if sys.platform == "linux" else None

    def tie() -> None:
        if system is not None:
            system.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=tie)
    try:
        while child.poll() is None and not select.select([sys.stdin], [], [], LOOK)[0]:
            pass
    finally:
        end(child)
    return child.returncode


def end(child: subprocess.Popen[bytes]) -> None:
    """End a process and all of its group."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
