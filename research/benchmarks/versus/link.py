"""The parent's end of the line to the worker: one ComfyUI process that makes every run."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import comfyui_fsampler
import torch
from safetensors.torch import load_file

from ...demo.comfyui import interpreter

PARTS = {  # package -> where it is, what of it the worker needs
    "comfyui_fsampler": (Path(comfyui_fsampler.__file__).parent, ("__init__.py", "fsampler", "samplers", "nodes")),
    "fsampler_research": (Path(__file__).resolve().parents[2], ("__init__.py", "demo", "benchmarks")),
}
KEEP = 2**30  # bytes of plain runs' latents: cells share them


class Made(NamedTuple):
    """What a run gave: latents ``[images, 3, 64, 64]``, evaluations an image took, seconds of sampling."""

    latents: torch.Tensor
    calls: float
    seconds: float


class WorkerDied(RuntimeError):
    """The process ended in the middle of a run; its log says why."""


class Worker:
    """A context manager; ``make(job)`` answers with ``Made``. A worker that died is started again with the next run.

    comfyui: the checkout; device: "cpu" or "cuda"; log: where the process's own output goes.
    """

    module = "fsampler_research.benchmarks.versus.worker"

    def __init__(self, comfyui, log, images, batch, seed, device="cpu", threads=0):
        self.comfyui, self.log, self.threads = comfyui, log, threads
        self.asked = {"images": images, "batch": batch, "seed": seed}
        self.arguments = ["--cpu"] if device == "cpu" else []
        self.process, self.answers, self.kept = None, None, OrderedDict()

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        for package, (source, parts) in PARTS.items():  # a copy: the source may change while this runs
            (place := Path(self.folder.name, package)).mkdir()
            for part in parts:
                copy = shutil.copytree if (source / part).is_dir() else shutil.copy
                copy(source / part, place / part)
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    def start(self):
        """A new process, and what it says is there: ``comfyui`` (a version) and ``packs`` (``PACKS``)."""
        read, write = os.pipe()
        command = [interpreter(self.comfyui), "-m", self.module, str(write), str(self.threads), *self.arguments]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder.name,
                env=os.environ | {"COMFYUI_PATH": str(self.comfyui)},
                pass_fds=[write],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        os.close(write)
        self.answers = os.fdopen(read)
        self.there = self._answer("start")

    def stop(self):
        """Also after an interrupt in the middle of a run, which is then lost."""
        if self.process is not None:
            self.process.kill()
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
            self.process.wait()
            self.answers.close()
            self.process = None

    def make(self, job):
        """``Made`` by a job; plain runs are remembered. Raises ``WorkerDied`` with the last line of its log."""
        if job in self.kept:
            self.kept.move_to_end(job)
            return self.kept[job]
        latents, answer = self.ask({"job": job, **self.asked}, f"{job}")
        made = Made(latents, answer["calls"], answer["seconds"])
        if job.kind == "plain" or job.option == "none":
            self.kept[job] = made
            while sum(kept.latents.nbytes for kept in self.kept.values()) > KEEP:
                self.kept.popitem(last=False)
        return made

    def ask(self, message, what):
        """The latents that a message makes the worker write, and what it says of them. Raises ``WorkerDied``."""
        if self.process is None:
            self.start()
        path = Path(self.folder.name, "latents.safetensors")
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write((json.dumps({**message, "path": str(path)}) + "\n").encode())
            self.process.stdin.flush()
        answer = self._answer(what)
        return load_file(path)["latents"], answer

    def _answer(self, what):
        line = self.answers.readline()
        if not line:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=10)  # it is still writing why
            self.stop()
            with open(self.log, "rb") as log:  # packs may have printed a lot
                log.seek(max(os.path.getsize(self.log) - 4096, 0))
                last = log.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise WorkerDied(f"{what} ended the worker: {last} (all of it in {self.log})")
        return json.loads(line)
