"""The loop: every run of every cell that the results lack, measured against its references."""

import hashlib
from pathlib import Path

from comfyui_fsampler import fsampler
from comfyui_fsampler.fsampler import PRESETS

from . import rivals
from .link import WorkerDied
from .matrix import evaluations
from .measure import score
from .results import FIELDS

ENGINE = Path(fsampler.__file__).parent
OURS = (rivals.OURS, rivals.AUTO)


def engine():
    """Eight hex digits of the engine's source: rows of ours say which one made them."""
    digest = hashlib.sha256()
    for path in sorted(ENGINE.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def label(cell, run, conditions):
    """The part of a row that names the run."""
    return {**dict(zip(FIELDS, cell, strict=True)), "rival": run.rival, "setting": run.setting, **conditions}


def pending(cells, conditions, results, points, packs, again=()):
    """``(cell, run, label)`` of what is still to make. Of the rivals in ``again``, runs that failed are made again, and
    runs of ours by another engine."""
    found, now = [], engine()
    again = set(again)
    for cell in cells:
        for run in rivals.runs(cell, points, packs):
            name = label(cell, run, conditions)
            known = results.get(name)
            stale = known is not None and run.rival in again and ("failed" in known or known.get("engine", now) != now)
            if known is None or stale:
                found.append((cell, run, name))
    return found


def most_calls(job):
    """Evaluations of an image in the longest run that a job can be."""
    return evaluations(job.sampler, job.steps)


def play(todo, worker, results, bar):
    """Make the runs and keep the rows; a rival's run that ends the worker, or in numbers that are none, as failed.

    Raises ``WorkerDied`` when ours does, or the exact solution.
    """
    now = engine()
    for cell, run, name in todo:
        bar.set_description(f"{cell.title}: {run.rival} {run.setting}")
        exact = worker.make(rivals.exact(cell)) if cell.deterministic else None
        try:
            full = worker.make(rivals.full(cell, run.rival))
            row = score(worker.make(run.job), full, exact)
        except WorkerDied as error:
            if run.rival in OURS:
                raise
            row = {"failed": str(error)}
        own = {"engine": now} if run.rival in OURS else {}
        if run.rival == rivals.AUTO:
            own["tolerance"] = PRESETS[run.setting]
        results.add({**row, **name, **own})
        bar.update()
