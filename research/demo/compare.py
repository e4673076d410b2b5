"""The comparison itself: the full run, each mode from the same noise, and "fewer steps" beside each mode of ours.

Running the same sampler in full with as many steps as a mode made calls is what anybody could do without this engine;
a mode is worth its name only where it comes closer to the full run than that.
"""

import time
from dataclasses import dataclass

import torch
from comfyui_fsampler.fsampler import Config, Report, sample
from comfyui_fsampler.fsampler.policies import Budget, ErrorControl
from comfyui_fsampler.samplers import get
from comfyui_fsampler.tools.metrics import similarity

from .problem import Denoiser, start, to_pixels

FULL = Config.parse("off")


@dataclass(frozen=True)
class Run:
    """One run: ``mode`` is a mode's text, "off" for the full run or "fewer:N" for N steps; ``images`` are in [0, 1]."""

    mode: str
    steps: int
    calls: int
    seconds: float
    ssim: float
    psnr: float | None
    images: torch.Tensor
    report: Report

    @property
    def label(self):
        kind, _, steps = self.mode.partition(":")
        return "full run" if self.mode == "off" else f"{steps} steps" if kind == "fewer" else self.mode


def compare(settings, network, bar):
    """Every ``Run`` in order, the full one first; ``bar`` is a ``Bar`` that counts model calls.

    Raises FloatingPointError when the model's output is not finite.
    """
    labels, noise = start(settings.count, settings.seed, settings.prediction, float(settings.sigmas()[0]))
    model = Denoiser(network, labels, settings.prediction, settings.cfg)
    full_calls = evaluations(settings, settings.steps)
    configs, runs, compared = settings.configs(), [], {settings.steps}
    bar.total = full_calls * (1 + len(configs))
    model(noise, settings.sigmas()[0].expand(settings.count))  # warm-up, so that the first run's seconds compare

    def run(mode, config, steps):
        bar.set_description(mode)
        began = time.perf_counter()
        x, report = _sample(settings, _Ticking(model, bar), noise, config, steps)
        seconds = time.perf_counter() - began
        if not torch.isfinite(x).all():
            raise FloatingPointError(f"the model's output is not finite in the run {mode!r}; expected finite values")
        images = to_pixels(x)
        ssim, psnr = similarity(images, runs[0].images if runs else images)
        runs.append(Run(mode, report.steps, report.calls, seconds, ssim, psnr, images, report))

    run("off", FULL, settings.steps)
    for config in configs:
        run(config.mode, config, settings.steps)
        bar.total -= full_calls - runs[-1].calls
        steps = fewer_steps(settings, runs[-1].calls) if isinstance(config.policy, (ErrorControl, Budget)) else None
        if steps is not None and steps not in compared:
            compared.add(steps)
            bar.total += evaluations(settings, steps)
            run(f"fewer:{steps}", FULL, steps)
    return runs


def evaluations(settings, steps):
    """Model evaluations of a full run of that many steps, counted on a single number."""
    count = 0

    def model(x, sigma):
        nonlocal count
        count += 1
        return torch.zeros_like(x)

    get(settings.sampler)(model, torch.ones(1, 1), settings.sigmas(steps))
    return count


def fewer_steps(settings, calls):
    """The smallest number of steps whose full run makes at least that many evaluations."""
    return next((n for n in range(1, settings.steps) if evaluations(settings, n) >= calls), settings.steps)


def _sample(settings, model, noise, config, steps):
    options = {}
    if settings.eta:
        fresh = _fresh_noise(settings.seed, noise)
        options = {"eta": settings.eta, "noise_sampler": fresh, "flow": settings.prediction == "flow"}
    return sample(get(settings.sampler), model, noise, settings.sigmas(steps), config, solver_options=options)


def _fresh_noise(seed, like):
    """An ancestral sampler's noise: the same in every run, and image i's depends on seed and i alone."""
    generators = [torch.Generator().manual_seed(seed * 100_003 + 50_000 + i) for i in range(len(like))]
    return lambda sigma, sigma_next: torch.stack([torch.randn(like.shape[1:], generator=g) for g in generators])


class _Ticking:
    """A denoiser that counts its calls on a bar, and says of its guidance what it says."""

    def __init__(self, model, bar):
        self._model, self._bar = model, bar
        self.guidance_difference = None

    def __call__(self, x, sigma):
        denoised = self._model(x, sigma)
        self.guidance_difference = self._model.guidance_difference
        self._bar.update()
        return denoised
