"""The figures: each mode's pictures against the full run's of the same seed, and each mode over the seeds."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TypedDict

from PIL import Image

from .load import READ_ERRORS, FinishedJob, said
from .pictures import closeness, data_uri, difference

FULL = "off"  # the mode of the full run


@dataclass
class Pair:
    """A picture of a mode beside that of the full run with the same seed, node and index.

    ``ssim``, ``psnr`` (dB) and ``same`` as ``pictures.closeness`` says. ``full``, ``image`` and ``apart`` (None for
    sizes that differ) are the two pictures and the map of their difference as URIs, ``size`` that of the full run's.
    """

    seed: int
    mode: str
    node: str
    index: int
    size: tuple[int, int]
    full: str
    image: str
    apart: str | None
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


def pairs(modes: Sequence[str], jobs: Sequence[FinishedJob], remarks: list[str]) -> Iterator[Pair]:
    """Every ``Pair``, by seed and picture, then by mode in the order of ``modes``; two pictures are open at a time.

    One that cannot be read is taken out of its job, and named in ``remarks``.
    """
    full = {job.seed: job for job in jobs if job.mode == FULL}
    order = {mode: at for at, mode in enumerate(modes)}
    others: dict[int, list[FinishedJob]] = {}
    for job in sorted(jobs, key=lambda job: (order.get(job.mode, len(order)), job.mode)):
        if job.mode != FULL:
            others.setdefault(job.seed, []).append(job)
    for seed in sorted(full.keys() & others.keys()):
        for place in list(full[seed].images):
            mine = [job for job in others[seed] if place in job.images]
            reference = _read(full[seed], place, remarks) if mine else None
            if reference is None:
                continue
            shown = data_uri(reference)
            for job in mine:
                image = _read(job, place, remarks)
                if image is not None:
                    yield _pair(job, place, reference, shown, image)


def _pair(job: FinishedJob, place: tuple[str, int], full: Image.Image, shown: str, image: Image.Image) -> Pair:
    """``shown`` is the full run's picture as a URI, which all modes of a seed share."""
    ssim, psnr, same = closeness(image, full)
    map_ = difference(full, image)
    apart = None if map_ is None else data_uri(map_)
    return Pair(job.seed, job.mode, *place, full.size, shown, data_uri(image), apart, ssim, psnr, same)


def count(jobs: Sequence[FinishedJob]) -> int:
    """How many ``Pair`` there are if all pictures can be read."""
    full = {job.seed: job.images.keys() for job in jobs if job.mode == FULL}
    return sum(len(full.get(job.seed, set()) & job.images.keys()) for job in jobs if job.mode != FULL)


def _read(job: FinishedJob, place: tuple[str, int], remarks: list[str]) -> Image.Image | None:
    """A picture of a job; None, and a remark, for one that cannot be read."""
    try:
        return job.images[place].read()
    except READ_ERRORS as error:
        remarks.append(f"{job.images.pop(place).name} of {job.mode} seed {job.seed} cannot be read: {said(error)}")
        return None


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
