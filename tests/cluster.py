"""``fsampler queue --ray`` as a process, on stubs that keep a diary, and what is left of it afterwards."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from fsampler_package import ROOT
from fsampler_research.benchmarks.cluster import stub

LONG = 150  # seconds; other work may keep this machine busy


def wait(condition, what, seconds=LONG):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return found


def alive(pid):
    """A process is there and not only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def holder(guard):
    """The process at the other end of a guard's input: the worker that has started it."""
    pipe = os.readlink(f"/proc/{guard}/fd/0")
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # others' processes, and those that have just ended
            if os.readlink(handle) == pipe and handle.parts[2] != str(guard):
                return int(handle.parts[2])
    raise AssertionError(f"nobody holds the input of {guard}")


class Run:
    """The command on one prompt and folder. Its ComfyUI lies in ``home/comfy``."""

    def __init__(self, folder):
        self.file, self.out, self.diary = folder / "prompt.json", folder / "out", folder / "diary"
        self.file.write_text(json.dumps(stub.PROMPT))
        self.home = folder / "home"
        self.comfyui = stub.make(self.home / "comfy")
        path = folder / "path"
        path.mkdir()
        (path / "comfyui_fsampler").symlink_to(ROOT)
        self.environment = os.environ | {"PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}

    def arguments(self, *more, seeds, seconds=0.2, args="", comfyui=None):
        said = f"--diary {self.diary} --seconds {seconds} --size 600000 {args}"
        return [
            *("queue", str(self.file), "--modes", "off", "--seeds", seeds, "--out", str(self.out)),
            *("--comfyui", str(comfyui or self.comfyui), "--python", sys.executable),
            *("--gpus-per-server", "0", f"--server-args={said}", *more),
        ]

    def start(self, *more, limit=None, **named):
        """The process. ``limit`` is how many bytes a file of its may have, which stands for a full disk."""
        script = "import sys, resource\n"
        script += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n" if limit else ""
        script += f"from comfyui_fsampler.tools.cli import main; sys.exit(main({self.arguments(*more, **named)!r}))"
        command = [sys.executable, "-c", script]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __call__(self, *more, **named):
        """``(exit status, what it said)``."""
        return self.ended(self.start(*more, **named))

    def ended(self, process):
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err, err
        return process.returncode, out + err

    def jobs(self):
        return {path.stem: json.loads(path.read_text()) for path in (self.out / "jobs").glob("*.json")}

    def lines(self):
        return [line.split() for line in self.diary.read_text().splitlines()] if self.diary.exists() else []

    def starts(self):
        """``(process, its guard, its folder)`` of each ComfyUI that was started."""
        return [(int(pid), int(more[0]), Path(more[1]).parent) for pid, what, *more in self.lines() if what == "start"]

    def ran(self):
        """How often each seed was run."""
        return Counter(int(seed) for _, seed, *_ in self.lines() if seed != "start")

    def at_work(self):
        """The ComfyUIs that are there and have been given a job."""
        busy = {int(pid) for pid, what, *_ in self.lines() if what != "start"}
        return [start for start in self.starts() if start[0] in busy and alive(start[0])]

    def check(self, *seeds):
        """These jobs are there, once and whole; and nothing of any ComfyUI is left."""
        jobs = self.jobs()
        assert sorted(job["seed"] for job in jobs.values()) == sorted(seeds)
        for job in jobs.values():
            (image,) = job["images"]
            assert (self.out / "images" / image["file"]).read_bytes() == stub.picture(job["seed"], 600_000)
        assert len(list((self.out / "images").iterdir())) == len(jobs)
        assert not list((self.out / "started").iterdir())
        self.check_gone()

    def check_gone(self):
        for pid, guard, folder in self.starts():
            left = lambda: [one for one in (pid, guard) if alive(one)] + [folder] * folder.exists()  # noqa: B023, E731
            wait(lambda: not left(), f"nothing is left of {pid}, {guard}, {folder}", 30)  # noqa: B023
