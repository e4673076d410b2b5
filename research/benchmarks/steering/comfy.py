"""Samplers of ComfyUI's: the runs of a cell, made in a process of ComfyUI's own Python."""

import atexit
import functools

from ...demo.comfyui import checkout
from ..versus.link import Worker
from .runs import Ours


class SteeringWorker(Worker):
    module = "fsampler_research.benchmarks.steering.worker"


@functools.cache
def worker(log):
    """This process's worker; it ends with it. ``log``: where ComfyUI's output goes."""
    made = SteeringWorker(checkout(), log, images=0, batch=0, seed=0, threads=1)
    made.__enter__()
    atexit.register(made.__exit__)
    return made


class ComfyRuns:
    """``runs.Runs``, there."""

    def __init__(self, problem, log):
        self.problem, self.log = problem, log

    def full(self, steps=None, only=slice(None)):
        return self._make("full", steps, only)[0]

    def ours(self, mode, only=slice(None)):
        latents, answer = self._make("ours", mode, only)
        return Ours(latents, answer["kinds"])

    def hold(self, kinds, only=slice(None)):
        return self._make("hold", kinds, only)[0]

    def hold_epsilon(self, kinds, only=slice(None)):
        return self._make("hold_epsilon", kinds, only)[0]

    def _make(self, what, given, only):
        problem = self.problem
        named = {"cell": problem.cell, "images": problem.images, "seed": problem.seed, "told": problem.told}
        message = {**named, "what": what, "given": given, "only": (only.start, only.stop)}
        return worker(self.log).ask(message, f"{problem.cell.name}, {what} {given}")
