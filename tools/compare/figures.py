"""The figures: each mode's pictures against the full run's of the same seed, and each mode over the seeds."""

from dataclasses import dataclass
from statistics import fmean, median

import numpy
import torch
from PIL import Image

from ..metrics import similarity

GAIN = 8.0  # of the difference map: 1/8 of the range is brightest
WINDOW = 11  # pixels, what SSIM needs
RAMP = numpy.array([[0, 0, 0], [77, 13, 102], [204, 51, 64], [250, 153, 26], [255, 255, 191]], dtype=numpy.float32)
FULL = "off"


@dataclass
class Pair:
    """A picture of a mode and that of the full run; ``ssim`` and ``psnr`` are None where they cannot be had."""

    seed: int
    mode: str
    node: str
    index: int
    full: Image.Image
    image: Image.Image
    ssim: float | None
    psnr: float | None
    same: bool


def pairs(modes, jobs):
    """Every ``Pair``, by seed, then by mode in the plan's order."""
    full = {job.seed: job for job in jobs if job.mode == FULL}
    order = {mode: at for at, mode in enumerate(modes)}
    for job in sorted(jobs, key=lambda job: (job.seed, order.get(job.mode, len(order)), job.mode)):
        if job.mode == FULL or job.seed not in full:
            continue
        for (node, index), image in job.images.items():
            reference = full[job.seed].images.get((node, index))
            if reference is not None:
                yield _pair(job, node, index, reference, image)


def _pair(job, node, index, reference, image):
    ssim = psnr = None
    same = reference.size == image.size and reference.tobytes() == image.tobytes()
    if reference.size == image.size and min(image.size) >= WINDOW:
        ssim, psnr = similarity(_tensor(image), _tensor(reference))
    return Pair(job.seed, job.mode, node, index, reference, image, ssim, psnr, same)


def _tensor(image):
    return torch.from_numpy(numpy.asarray(image, dtype=numpy.float32) / 255).movedim(-1, 0)[None]


def difference(first, second):
    """Mean absolute difference over the channels times ``GAIN``, black to white over red; None for unequal sizes."""
    if first.size != second.size:
        return None
    apart = numpy.abs(numpy.asarray(first, numpy.float32) - numpy.asarray(second, numpy.float32)).mean(axis=-1) / 255
    place = numpy.clip(apart * GAIN, 0, 1) * (len(RAMP) - 1)
    colours = [numpy.interp(place, numpy.arange(len(RAMP)), RAMP[:, channel]) for channel in range(3)]
    return Image.fromarray(numpy.stack(colours, axis=-1).round().astype(numpy.uint8))


def summary(modes, jobs, compared):
    """A row a mode: means of SSIM, PSNR and calls, the median of the seconds, and how much faster than the full run.

    Seconds are those of warm runs (a server's first one loads the model) where there are any; the factor compares the
    medians of the sampling seconds where all were observed, else of the whole runs.
    """
    rows = []
    for mode in [FULL, *(mode for mode in modes if mode != FULL)]:
        mine = [job for job in jobs if job.mode == mode]
        if not mine:
            continue
        these = [pair for pair in compared if pair.mode == mode]
        ssims, psnrs = (
            [value for pair in these if (value := getattr(pair, name)) is not None] for name in ("ssim", "psnr")
        )
        rows.append(
            {
                "mode": mode,
                "runs": len(mine),
                "pairs": len(these),
                "identical": sum(pair.same for pair in these),
                "ssim": fmean(ssims) if ssims else None,
                "ssim_worst": min(ssims, default=None),
                "psnr": fmean(psnrs) if psnrs else None,
                "calls": _mean(job.total("calls") for job in mine),
                "evaluations": _mean(job.total("evaluations") for job in mine),
                "seconds": _median(mine, "seconds"),
                "sampling_seconds": _median(mine, "sampling_seconds"),
            }
        )
    full = next((row for row in rows if row["mode"] == FULL), None)
    for row in rows:
        sampled = full is not None and None not in (full["sampling_seconds"], row["sampling_seconds"])
        key = "sampling_seconds" if sampled else "seconds"
        known = full is not None and full[key] is not None and row[key]
        row["factor"] = full[key] / row[key] if known else None
    return rows


def _mean(values):
    values = [value for value in values if value is not None]
    return fmean(values) if values else None


def _median(jobs, key):
    for chosen in ([job for job in jobs if job.record.get("warm")], jobs):
        seconds = [job.seconds(key) for job in chosen if job.seconds(key) is not None]
        if seconds:
            return median(seconds)
    return None
