"""The matrix: which model, schedule and sampler a cell is, and how two results are compared."""

import functools
from typing import NamedTuple

import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.samplers import SOLVERS
from comfyui_fsampler.tools.metrics import similarity

from ..demo.problem import Denoiser, load_network, start, to_pixels
from ..demo.schedules import sigmas_for


class Cell(NamedTuple):
    """One column of a table, at one guidance scale and number of steps."""

    prediction: str
    schedule: str
    sampler: str
    cfg: float
    steps: int = 20

    @property
    def title(self):
        return f"{self.prediction} {self.sampler} {self.schedule}"


COLUMNS = (
    ("flow", "simple", "euler"),
    ("eps", "karras", "euler"),
    ("eps", "simple", "dpmpp_2m"),
    ("v", "simple", "euler"),
)


def cells(cfgs, steps=20):
    """Every column at every guidance scale."""
    return [Cell(*column, cfg, steps) for cfg in cfgs for column in COLUMNS]


EXACT = 120.0  # dB, stands for an infinite PSNR in means


class Score(NamedTuple):
    """Means over images against a reference; ``errors`` are each image's rms error over the reference's rms."""

    calls: float
    ssim: float
    psnr: float
    errors: tuple[float, ...]


class Bench:
    """Runs cells on one network with one set of noises, each at most once; all is measured against the full runs."""

    def __init__(self, count, seed, network=None):
        self.count, self.seed = count, seed
        self.network = load_network() if network is None else network
        self.full = functools.cache(lambda cell: self.run(cell, "off")[0])
        self._score = functools.cache(self._measure)

    def run(self, cell, mode, only=slice(None), **options):
        """``(final latent, Report)`` of a cell in one mode, for all images or some; ancestral noise is repeated."""
        sigmas = sigmas_for(cell.schedule, cell.prediction, cell.steps)
        labels, x = (both[only] for both in start(self.count, self.seed, cell.prediction, float(sigmas[0])))
        model = Denoiser(self.network, labels, cell.prediction, cell.cfg)
        torch.manual_seed(self.seed)
        return sample(SOLVERS[cell.sampler], model, x, sigmas, mode, **options)

    def score(self, cell, mode, **options):
        """One mode of a cell against its full run."""
        return self._score(cell, mode, tuple(sorted(options.items())))

    def _measure(self, cell, mode, options):
        result, report = self.run(cell, mode, **dict(options))
        return compare(result, self.full(cell), report.calls)

    def alone(self, cell, mode):
        """As ``score``, with every image in a run of its own, as most people sample; calls are the mean."""
        runs = [self.run(cell, mode, only=slice(i, i + 1)) for i in range(self.count)]
        calls = sum(report.calls for _, report in runs) / self.count
        return compare(torch.cat([latent for latent, _ in runs]), self.full(cell), calls)

    def fewer(self, cell, calls):
        """The honest rival: the same sampler with that many steps, against the cell's full run."""
        return compare(self.run(cell._replace(steps=calls), "off")[0], self.full(cell), calls)


def compare(result, reference, calls):
    """The ``Score`` of a latent ``[B, 3, H, W]`` against a reference of that shape."""
    ssim, psnr = similarity(to_pixels(result), to_pixels(reference))
    relative = (result - reference).flatten(1).norm(dim=1) / reference.flatten(1).norm(dim=1)
    return Score(calls, ssim, EXACT if psnr is None else psnr, tuple(relative.tolist()))
