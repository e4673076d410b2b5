"""The one way in which a file is read, and the one in which a file of ours appears: whole or not at all.

A file is written as a hidden draft in the folder it belongs to, brought to the disk, and moved to its name in one step.
Whatever goes wrong before that step leaves what was there as it was.
"""

import contextlib
import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

MOST = 2**30  # bytes of a file that is read into memory
DRAFT = ".writing-"  # how the names of drafts begin; one that is left is of a process that was killed


@contextlib.contextmanager
def draft(folder: Path) -> Iterator[BinaryIO]:
    """A new hidden file in ``folder``, to write and read; when the block ends it is gone unless it was published.

    Raises OSError if the folder takes no file.
    """
    path = folder / f"{DRAFT}{secrets.token_hex(8)}"
    file = open(path, "x+b")
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):  # closing tries once more to write what could not be written
            file.close()
        with contextlib.suppress(OSError):
            path.unlink()


def publish(file: BinaryIO, path: Path) -> None:
    """Close a draft and move it to ``path``, in the place and with the permissions of a file that is there.

    Raises OSError; then nothing has changed at ``path``.
    """
    _settle(file)
    file.close()
    with contextlib.suppress(FileNotFoundError):
        os.chmod(file.name, path.stat().st_mode & 0o7777)
    os.replace(file.name, path)


def write_file(path: Path, content: bytes) -> None:
    """Put a file with this content at ``path``, whole or not at all. Raises OSError."""
    with draft(path.parent) as file:
        file.write(content)
        publish(file, path)


def read_file(path: str | Path, most: int = MOST) -> bytes:
    """What a file holds. Raises OSError for what is no regular file (a pipe might never end), and for a larger one."""
    with open(path, "rb", opener=_without_waiting) as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if state.st_size > most:
            raise OSError(errno.EFBIG, f"it has {state.st_size} bytes, more than {most}")
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # opening a pipe waits for its other end


def write_files(directory: str | Path, files: Mapping[str, bytes]) -> None:
    """Put ``{name: content}`` into ``directory``: all are written before the first appears under its name.

    Raises ValueError that names the directory and the reason.
    """
    directory = Path(directory)
    with writing_to(directory), contextlib.ExitStack() as stack:
        drafts = {name: stack.enter_context(draft(directory)) for name in files}
        for name, file in drafts.items():
            file.write(files[name])
            _settle(file)
        for name, file in drafts.items():
            publish(file, directory / name)


def check_directory(directory: str | Path, names: Iterable[str]) -> Path:
    """Create ``directory`` if need be and return it; a check ahead of long work.

    Raises ValueError if no file can be made in it, or if one of ``names`` is a folder there.
    """
    directory = Path(directory)
    with writing_to(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    for name in names:
        if (directory / name).is_dir():
            raise ValueError(f"cannot write {str(directory / name)!r}: it is a directory; expected a file or nothing")
    return directory


def writing_to(directory: Path) -> contextlib.AbstractContextManager[None]:
    """A block that writes into ``directory``: its OSErrors become ValueErrors with that name."""
    return explained(f"to {str(directory)!r}", "expected a writable directory")


@contextlib.contextmanager
def explained(what: str, advice: str) -> Iterator[None]:
    """A block whose OSErrors become ValueErrors: "cannot write ``what``: the reason; ``advice``"."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"cannot write {what}: {error.strerror or error}; {advice}") from error


def _settle(file: BinaryIO) -> None:
    """To the disk: a disk that is full says so here at the latest."""
    file.flush()
    os.fsync(file.fileno())
