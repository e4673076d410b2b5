"""The files in DIR. Each appears whole or not at all, a job's own file last: it says that the job is finished.

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
from pathlib import Path

from ..files import DRAFT, draft, naming, publish, write_file
from .outputs import HEAD

VERSION = 1
KEPT = ("images", "files")  # folders, and the lists of a record that say what is in them


class Store:
    """``secret`` is never written, even if a server says it back."""

    def __init__(self, folder, secret=None):
        self.folder, self.secret = Path(folder), secret

    @contextlib.contextmanager
    def opened(self, plan, source):
        """Hold DIR for this plan. Raises ValueError if it holds another, or if another process works on it."""
        with self._named():
            for name in ("jobs", *KEPT, "started"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        with _locked(self.folder / ".lock"):
            for left in self.folder.rglob(f"{DRAFT}*"):  # of a process that was killed
                left.unlink(missing_ok=True)
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

    def finished(self, job):
        """The record of a job if it is finished and its files are there, else None."""
        record = self._read(f"jobs/{job.key}.json")
        return record if record is not None and self.is_whole(record) else None

    def is_whole(self, record):
        """Are all files of a record there, as large as they were?"""
        lists = {"images": record.get("images"), "files": record.get("files", [])}  # older records have no files
        return all(
            isinstance(files, list) and all(_is_there(self.folder / name, file) for file in files)
            for name, files in lists.items()
        )

    def started(self, job):
        """``(server, prompt id)`` of a job that was given to a server and not brought back, or None."""
        note = self._read(f"started/{job.key}.json") or {}
        place = note.get("server"), note.get("prompt_id")
        return place if all(isinstance(part, str) for part in place) else None

    def begin(self, job, server, prompt_id):
        self._write(f"started/{job.key}.json", {"server": server, "prompt_id": prompt_id})

    def drop(self, job):
        """Forget that it was started."""
        (self.folder / f"started/{job.key}.json").unlink(missing_ok=True)

    def bring(self, fill, place_of):
        """Keep what ``fill(file)`` writes, at the place in DIR that ``place_of`` says for how it begins.

        ``(place, bytes)``, or None if ``fill`` says False.
        """
        with self._named(), draft(self.folder / "files") as file:
            if not fill(file):
                return None
            file.seek(0)
            place = place_of(file.read(HEAD))
            size = file.seek(0, os.SEEK_END)
            publish(file, self.folder / place)
            return place, size

    def finish(self, job, record):
        self._write(f"jobs/{job.key}.json", record)
        self.drop(job)

    def _read(self, name):
        """What a JSON file holds; None if it is not there or only half."""
        try:
            value = json.loads((self.folder / name).read_bytes())
        except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def _write(self, name, content):
        if not isinstance(content, bytes):
            text = json.dumps(content, indent=1)
            content = (text.replace(self.secret, "***") if self.secret else text).encode()
        with self._named():
            write_file(self.folder / name, content)

    def _named(self):
        """A block that writes into DIR: its OSErrors become ValueErrors that say how to go on."""
        return naming(f"to {str(self.folder)!r}", "what is finished is kept, and the same command goes on from there")


def _is_there(folder, image):
    name = image.get("file") if isinstance(image, dict) else None
    if not isinstance(name, str) or name != Path(name).name:
        return False
    path = folder / name
    return path.is_file() and path.stat().st_size == image.get("bytes")


@contextlib.contextmanager
def _locked(path):
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
