"""The files in DIR, the folder of ``--out``. Each appears whole or not at all. The file of a job itself comes after all
others of the job, so that it says: the job is finished.

queue.json         the plan: its hash, modes and seeds
prompt.json        the prompt, as FILE and --set made it
jobs/KEY.json      a finished job: pictures, reports, history, seconds
images/KEY_*.png   its pictures
files/KEY_*.webm   its other files
started/KEY.json   a job that a server has: which one, and under which id
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..data import Object, parse_object
from ..files import DRAFT, draft, explained, publish, read_file, write_file
from .outputs import HEAD
from .plan import Plan, QueueJob
from .secret import Secret

VERSION = 1
AGAIN = "what is finished is kept, and the same command goes on from there"
_SAID = ("prompt_id", "reports", "plans", "left", "history")  # parts of a file that a server has said
KEPT = ("images", "files")  # folders, and the lists of a record that say what is in them


class Store:
    """The folder DIR. Methods that write raise ValueError if they cannot; the message says how to go on.

    ``secret``, the token, is never written where a server might have said it.
    """

    def __init__(self, folder: str | Path, secret: str | None = None) -> None:
        self.folder, self.secret = Path(folder), Secret(secret)

    @contextlib.contextmanager
    def opened(self, plan: Plan, source: str) -> Iterator["Store"]:
        """A block that has DIR for this plan to itself; ``source`` is the name of the prompt's file.

        Raises ValueError if DIR holds another plan, or if another process works on it.
        """
        with self._named():
            for name in ("jobs", *KEPT, "started"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        with _locked(self.folder / ".lock"):
            for half in self.folder.rglob(f"{DRAFT}*"):  # of a process that was killed
                half.unlink(missing_ok=True)
            said = {
                "version": VERSION,
                "plan": plan.digest,
                "file": source,
                "modes": list(plan.values),
                "seeds": plan.seeds,
            }
            held = self._read("queue.json")
            if held is None and any((self.folder / "jobs").glob("*.json")):
                raise ValueError(f"{str(self.folder)!r} has jobs but no readable queue.json; expected another --out")
            if held is not None and held.get("plan") != plan.digest:
                parts = [name for name in ("modes", "seeds") if held.get(name) != said[name]] or ["file or --set"]
                raise ValueError(
                    f"{str(self.folder)!r} holds another plan ({' and '.join(parts)} differ); expected the same "
                    "command as before, or another --out"
                )
            if held is None:
                self._write("prompt.json", plan.prompt)
                self._write("queue.json", said)
            yield self

    def finished(self, job: QueueJob) -> Object | None:
        """The record of a job if it is finished and its files are there, else None."""
        record = self._read(f"jobs/{job.key}.json")
        return record if record is not None and self.is_whole(record) else None

    def is_whole(self, record: Object) -> bool:
        """Are all files of a record there, with the size they had?"""
        lists = {"images": record.get("images"), "files": record.get("files", [])}  # older records have no files
        return all(
            isinstance(files, list) and all(_is_there(self.folder / name, file) for file in files)
            for name, files in lists.items()
        )

    def started(self, job: QueueJob) -> tuple[str, str] | None:
        """``(address of the server, prompt id)`` of a job that was given to a server and not brought back, or None."""
        note = self._read(f"started/{job.key}.json") or {}
        server, prompt_id = note.get("server"), note.get("prompt_id")
        return (server, prompt_id) if isinstance(server, str) and isinstance(prompt_id, str) else None

    def begin(self, job: QueueJob, server: str, prompt_id: str) -> None:
        """Note that a job is given to a server."""
        self._write(f"started/{job.key}.json", {"server": server, "prompt_id": prompt_id})

    def drop(self, job: QueueJob) -> None:
        """Forget that a job was given to a server."""
        (self.folder / f"started/{job.key}.json").unlink(missing_ok=True)

    def bring(self, fill: Callable[[BinaryIO], object], place_of: Callable[[bytes], str]) -> tuple[str, int] | None:
        """Keep a file that ``fill`` writes, at the place in DIR that ``place_of`` says for its first bytes.

        ``(place, size in bytes)``; None, and no file, if ``fill`` returns False.
        """
        with self._named(), draft(self.folder / "files") as file:
            if not fill(file):
                return None
            file.seek(0)
            place = place_of(file.read(HEAD))
            size = file.seek(0, os.SEEK_END)
            publish(file, self.folder / place)
            return place, size

    def finish(self, job: QueueJob, record: Object) -> None:
        """Keep the record of a job whose files are all there: now it is finished."""
        self._write(f"jobs/{job.key}.json", record)
        self.drop(job)

    def _read(self, name: str) -> Object | None:
        """What a JSON file holds; None if it is not there or not whole."""
        try:
            return parse_object(read_file(self.folder / name))
        except FileNotFoundError:
            return None

    def _write(self, name: str, content: Object) -> None:
        masked = {key: self.secret.mask_all(value) if key in _SAID else value for key, value in content.items()}
        with self._named():
            write_file(self.folder / name, json.dumps(masked, indent=1).encode())

    def _named(self) -> contextlib.AbstractContextManager[None]:
        """A block that writes into DIR: its OSErrors become ValueErrors that say how to go on."""
        return explained(f"to {str(self.folder)!r}", AGAIN)


def _is_there(folder: Path, image: object) -> bool:
    """Is a file that a record lists in this folder, with the size it had?"""
    if not isinstance(image, dict):
        return False
    name = image.get("file")
    if not isinstance(name, str) or name != Path(name).name:
        return False
    path = folder / name
    return path.is_file() and bool(path.stat().st_size == image.get("bytes"))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time, where the system has such locks; the lock dies with the process."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            name = repr(str(path.parent))
            raise ValueError(f"another fsampler queue works on {name}; expected to be the only one") from None
        yield
