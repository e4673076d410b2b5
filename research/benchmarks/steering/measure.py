"""Measuring a cell: each mode against the full run, beside fewer steps and holding.

Modes ``calls:P%`` run in one batch, presets an image at a time, as most people sample: a preset steers by the worst
image of its batch. What does not depend on the engine is kept in a folder from one measurement to the next: the full
run's latents, and the scores of fewer steps and of holding (by the steps that were called).
"""

import functools
import hashlib
import json
import os

import torch
from comfyui_fsampler.fsampler import PRESETS
from comfyui_fsampler.tools.metrics import each
from safetensors.torch import load_file, save_file

from .comfy import ComfyRuns
from .matrix import NOISY_SAMPLERS, evaluations
from .problem import Problem, version
from .runs import OWN, Runs

MOST = 80.0  # dB: from here on images count as equal


class Kept:
    """A cell's full run and rivals' scores, read from and written to a folder."""

    def __init__(self, folder, problem):
        cell = problem.cell
        named = f"{cell.name}, {problem.images} images, seed {problem.seed}, network {version(cell.network)}"
        named += ", noise path 1" if cell.sampler in NOISY_SAMPLERS else ""
        stem = f"{cell.name.replace(' ', '_')}-{hashlib.sha256(named.encode()).hexdigest()[:8]}"
        self.images = problem.images
        self.latents, self.scores = folder / f"{stem}.safetensors", folder / f"{stem}.json"
        self.found = json.loads(self.scores.read_text()) if self.scores.exists() else {}

    def full(self, make):
        if self.latents.exists():
            return load_file(self.latents)["full"]
        made = make()
        part = self.latents.with_suffix(".part")
        save_file({"full": made.contiguous()}, part)
        os.replace(part, self.latents)
        return made

    def score(self, name, part, make):
        """``[[ssim, psnr, error], ...]`` of some images (a slice) in the run of that name."""
        seen = self.found.setdefault(name, [None] * self.images)
        if None in seen[part]:
            seen[part] = make()
        return seen[part]

    def save(self):
        part = self.scores.with_suffix(".json.part")
        part.write_text(json.dumps(self.found))
        os.replace(part, self.scores)


def measure(cell, modes, images, seed, folder, told=True, runs=None, alone=False):
    """The rows of a cell, one a mode: means over its images, and ``each`` of them as ``[ssim, psnr]``.

    told: ``Problem``'s. runs: makes them (``Runs``, or ``ComfyRuns`` where the sampler is ComfyUI's). alone: without
    fewer steps and holding. Raises FloatingPointError for a full run in numbers that are none.
    """
    problem = Problem(cell, images, seed, told)
    if runs is None:
        theirs = functools.partial(ComfyRuns, log=folder / "comfyui.log")
        runs = Runs if cell.sampler in OWN else theirs
    made, kept = runs(problem), Kept(folder, problem)
    full = kept.full(made.full)
    if not torch.isfinite(full).all():
        raise FloatingPointError(f"the full run of {cell.name} is not finite")

    def scores(latents, part):
        return score(problem, latents, full[part])

    def fewer(calls, part):
        steps = fewer_steps(problem, calls)
        return kept.score(f"fewer {steps}", part, lambda: scores(made.full(steps, part), part))

    rows = []
    for mode in modes:
        parts = [slice(i, i + 1) for i in range(images)] if mode in PRESETS else [slice(None)]
        ours, rivals, held, held_epsilon, calls = [], [], [], [], []
        for part in parts:
            run = made.ours(resolved(mode, problem), part)
            ours += scores(run.latents, part)
            calls.append(run.calls)
            if alone:
                continue
            rivals += fewer(run.calls, part)
            held += kept.score(f"hold {run.kinds}", part, lambda: scores(made.hold(run.kinds, part), part))  # noqa: B023
            if cell.sampler in NOISY_SAMPLERS:
                name = f"hold epsilon {run.kinds}"
                held_epsilon += kept.score(name, part, lambda: scores(made.hold_epsilon(run.kinds, part), part))  # noqa: B023
        row = {**cell._asdict(), "cell": cell.name, "half": cell.half, "images": images, "seed": seed, "mode": mode}
        row |= {"calls": sum(calls) / len(calls), "evaluations": evaluations(cell.sampler, len(problem.sigmas()) - 1)}
        for name, found in (("", ours), ("fewer_", rivals), ("hold_", held), ("hold_epsilon_", held_epsilon)):
            if not found:
                continue
            row |= {f"{name}{figure}": mean(found, i) for i, figure in enumerate(("ssim", "psnr"))}
            row[f"{name}each"] = [[round(figure, 5) for figure in image[:2]] for image in found]
        row["error"] = round(max(error for _, _, error in ours), 6)  # of the worst image
        if mode in PRESETS:
            row["tolerance"] = PRESETS[mode]
        rows.append(row)
    kept.save()
    return rows


def mean(scores, figure):
    return round(sum(score[figure] for score in scores) / len(scores), 5)


def resolved(mode, problem):
    """A share of the steps as a number of calls; any other mode as it is."""
    if not mode.startswith("calls:") or not mode.endswith("%"):
        return mode
    return f"calls:{max(round(int(mode[6:-1]) / 100 * (len(problem.sigmas()) - 1)), 3)}"


def fewer_steps(problem, calls):
    """The smallest number of steps to ask for whose full run makes at least that many evaluations."""
    cell = problem.cell
    asked = (n for n in range(2, cell.steps) if evaluations(cell.sampler, len(problem.sigmas(n)) - 1) >= calls)
    return next(asked, cell.steps)


def score(problem, latents, full):
    """``[ssim, psnr, error]`` of each image: PSNR in dB, at most 80; the latent's rms error over the full one's rms."""
    if not torch.isfinite(latents).all():
        return [[0.0, 0.0, float("inf")]] * len(latents)
    ssim, psnr = each(problem.pixels(latents, full), problem.pixels(full, full))
    error = (latents - full).flatten(1).norm(dim=1) / full.flatten(1).norm(dim=1)
    return torch.stack([ssim, psnr.clamp_max(MOST), error], 1).tolist()
