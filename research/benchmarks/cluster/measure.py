"""One run of ``fsampler queue --ray`` on this machine with stubs, and what it took."""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from comfyui_fsampler.tools.cli import main

from . import stub


def command(*words):
    """Run the command in this process; print what it took of the driver: CPU seconds, and bytes of memory at most."""
    status = main(["queue", *words])
    used = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write("\n" + json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]) + "\n")
    sys.exit(status)


def measure(actors, jobs, seconds, size):
    """A row: ``rate`` is jobs a second while all are at work, ``overhead`` seconds of a job beside the stub's own.

    ``rate`` is that of the middle half of the jobs, by the times of their files: neither the start of Ray and the
    stubs is in it nor the end, when some have nothing to do. ``cpu`` is the driver's, in seconds of a job.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "prompt.json").write_text(json.dumps(stub.PROMPT))
        words = [str(folder / "prompt.json"), "--modes", "off", "--seeds", f"1-{jobs}", "--out", str(folder / "out")]
        words += ["--ray", "--comfyui", str(stub.make(folder / "stub")), "--python", sys.executable]
        words += ["--servers", str(actors), "--gpus-per-server", "0", "--cpus-per-server", "0.1"]
        words += [f"--server-args=--seconds {seconds} --size {size}"]
        done = subprocess.run(
            [sys.executable, "-c", f"from {__name__} import command; command(*{words!r})"],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        cpu, memory = json.loads(done.stdout.splitlines()[-1])
        ends = sorted(path.stat().st_mtime for path in (folder / "out/jobs").glob("*.json"))
    quarter = len(ends) // 4
    rate = (len(ends) - 2 * quarter - 1) / (ends[-1 - quarter] - ends[quarter])
    return {
        "actors": actors,
        "jobs": jobs,
        "seconds": seconds,
        "size": size,
        "rate": rate,
        "overhead": actors / rate - seconds,
        "cpu": cpu / jobs,
        "memory": memory,
    }
