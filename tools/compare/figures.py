"""The figures: each mode's pictures against the full run's of the same seed, and each mode over the seeds."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TypedDict

import numpy
import torch
from PIL import Image

from ..metrics import similarity
from .load import FinishedJob

GAIN = 8.0  # of the difference map: a difference of 1/8 of the range is as bright as can be
WINDOW = 11  # pixels: SSIM needs pictures at least as large as its window
RAMP = numpy.array([[0, 0, 0], [77, 13, 102], [204, 51, 64], [250, 153, 26], [255, 255, 191]], dtype=numpy.float32)
FULL = "off"  # the mode of the full run


@dataclass
class Pair:
    """A picture of a mode beside that of the full run with the same seed, node and index.

    ``ssim`` is None for sizes that differ or are below ``WINDOW``. ``psnr`` (dB) is None also for pictures that are
    the same.
    """

    seed: int
    mode: str
    node: str
    index: int
    full: Image.Image
    image: Image.Image
    ssim: float | None
    psnr: float | None
    same: bool


class Row(TypedDict):
    """A mode over the seeds; None where nothing is known."""

    mode: str
    runs: int
    pairs: int  # pictures that were compared
    identical: int  # of these
    ssim: float | None  # mean over the pairs
    ssim_worst: float | None
    psnr: float | None  # dB, mean over the pairs that differ
    calls: float | None  # of the model, mean over the runs
    evaluations: float | None  # calls that a full run makes, mean over the runs
    seconds: float | None  # of the whole workflow, median over the warm runs
    sampling_seconds: float | None  # of the sampler nodes, likewise
    factor: float | None  # how many times as fast as the full run


def pairs(modes: Sequence[str], jobs: Sequence[FinishedJob]) -> Iterator[Pair]:
    """Every ``Pair``, by seed, then by mode in the order of ``modes``."""
    full = {job.seed: job for job in jobs if job.mode == FULL}
    order = {mode: at for at, mode in enumerate(modes)}
    for job in sorted(jobs, key=lambda job: (job.seed, order.get(job.mode, len(order)), job.mode)):
        if job.mode == FULL or job.seed not in full:
            continue
        for (node, index), image in job.images.items():
            reference = full[job.seed].images.get((node, index))
            if reference is not None:
                yield _pair(job, node, index, reference, image)


def _pair(job: FinishedJob, node: str, index: int, reference: Image.Image, image: Image.Image) -> Pair:
    ssim = psnr = None
    same = reference.size == image.size and reference.tobytes() == image.tobytes()
    if reference.size == image.size and min(image.size) >= WINDOW:
        ssim, psnr = similarity(_tensor(image), _tensor(reference))
    return Pair(job.seed, job.mode, node, index, reference, image, ssim, psnr, same)


def _tensor(image: Image.Image) -> torch.Tensor:
    """``[1, 3, H, W]`` in [0, 1]."""
    return torch.from_numpy(numpy.asarray(image, dtype=numpy.float32) / 255).movedim(-1, 0)[None]


def difference(first: Image.Image, second: Image.Image) -> Image.Image | None:
    """A map of the absolute difference, the mean of the channels times ``GAIN``, from black over red to pale yellow.

    None for sizes that differ.
    """
    if first.size != second.size:
        return None
    apart = numpy.abs(numpy.asarray(first, numpy.float32) - numpy.asarray(second, numpy.float32)).mean(axis=-1) / 255
    place = numpy.clip(apart * GAIN, 0, 1) * (len(RAMP) - 1)
    colours = [numpy.interp(place, numpy.arange(len(RAMP)), RAMP[:, channel]) for channel in range(3)]
    return Image.fromarray(numpy.stack(colours, axis=-1).round().astype(numpy.uint8))


def summary(modes: Sequence[str], jobs: Sequence[FinishedJob], compared: Sequence[Pair]) -> list[Row]:
    """A row a mode, the full run first: means of SSIM, PSNR and calls, medians of the seconds, the factor gained.

    Seconds are those of warm runs (a server's first one loads the model) where there are any; the factor compares the
    medians of the sampling seconds where all were observed, else of the whole runs.
    """
    rows = list[Row]()
    for mode in [FULL, *(mode for mode in modes if mode != FULL)]:
        mine = [job for job in jobs if job.mode == mode]
        if not mine:
            continue
        these = [pair for pair in compared if pair.mode == mode]
        ssims = [pair.ssim for pair in these if pair.ssim is not None]
        psnrs = [pair.psnr for pair in these if pair.psnr is not None]
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
                "factor": None,
            }
        )
    for full in [row for row in rows if row["mode"] == FULL]:
        for row in rows:
            row["factor"] = _factor(full, row)
    return rows


def _factor(full: Row, row: Row) -> float | None:
    """How many times as fast as the full run, by the sampling seconds where both have them."""
    before, after = full["sampling_seconds"], row["sampling_seconds"]
    if before is None or after is None:
        before, after = full["seconds"], row["seconds"]
    return before / after if before is not None and after else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _median(jobs: Sequence[FinishedJob], key: str) -> float | None:
    """Over the warm runs if these say anything, else over all."""
    for chosen in ([job for job in jobs if job.record.get("warm")], jobs):
        seconds = [value for job in chosen if (value := job.seconds(key)) is not None]
        if seconds:
            return median(seconds)
    return None
