"""``fsampler queue`` on a file and a folder of a test, and what it is given."""

import json
import os
import signal
import subprocess
import sys
import time

from comfyui_fsampler.tools import cli
from graphs import custom, decoded, ksampler, sources
from server import ROOT


def graph(**changed):
    sampler = ksampler(**changed)
    sampler["_meta"] = {"title": "My sampler ü"}
    return {**sources(), "sampler": sampler, **decoded("sampler", "a picture ü")}


def slow(seconds=0.1):
    """2 seconds a run at 20 steps."""
    return custom(
        "slow",
        euler={"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        slow={"class_type": "FSamplerTestSlow", "inputs": {"sampler": ["euler", 0], "seconds": seconds}},
    )


class Queue:
    """The command on one file and folder."""

    def __init__(self, folder):
        self.file, self.out = folder / "a workflow ü.json", folder / "out ü"
        path = folder / "path"
        path.mkdir()
        (path / "comfyui_fsampler").symlink_to(ROOT)
        self.environment = os.environ | {"PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}

    def arguments(self, prompt, servers, *more, modes="off,fast", seeds="1-2"):
        self.file.write_text(prompt if isinstance(prompt, str) else json.dumps(prompt), encoding="utf-8")
        named = [part for one in servers for part in ("--server", getattr(one, "address", one))]
        return ["queue", str(self.file), *named, "--modes", modes, "--seeds", seeds, "--out", str(self.out), *more]

    def __call__(self, *given, **named):
        return cli.main(self.arguments(*given, **named))

    def start(self, *given, stderr=subprocess.PIPE, **named):
        """The command as a process of its own; it hears Ctrl-C even if this one was started in the background."""
        command = [sys.executable, "-m", "comfyui_fsampler.tools.cli", *self.arguments(*given, **named)]
        return subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def jobs(self):
        return {path.stem: json.loads(path.read_text()) for path in (self.out / "jobs").glob("*.json")}

    def started(self):
        return list((self.out / "started").glob("*.json"))

    def wait(self, condition, seconds=120):
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, (self.jobs().keys(), self.started())
            time.sleep(0.02)


def prompts(server, start=0):
    """How many prompts a server has got."""
    return server.log(start).count("got prompt")
