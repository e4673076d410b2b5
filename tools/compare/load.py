"""What is in a folder of ``fsampler queue``: its jobs and their pictures. What is broken is named and left out."""

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

MOST_PIXELS = 100_000_000


@dataclass
class FinishedJob:
    """A finished job; ``record`` is its file, ``images`` are PIL RGB pictures by ``(node, index)``.

    ``links`` are ``(place in the folder, what to call it)`` of what is not compared, or not as a whole.
    """

    mode: str
    seed: int
    record: dict
    images: dict
    links: list = field(default_factory=list)

    @property
    def reports(self):
        return [one for one in _list(self.record.get("reports")) if isinstance(one, dict)]

    def total(self, key):
        """``calls`` or ``evaluations`` over all samplers of the workflow, None without a report."""
        numbers = [one.get(key) for one in self.reports if isinstance(one.get(key), int)]
        return sum(numbers) if numbers else None

    def title(self, node):
        """What the workflow calls the node of a picture."""
        images = [one for one in _list(self.record.get("images")) if isinstance(one, dict)]
        return next((str(one["title"]) for one in images if one.get("node") == node and one.get("title")), "picture")

    def seconds(self, key="seconds"):
        value = self.record.get(key)
        return float(value) if isinstance(value, (int, float)) and value >= 0 else None


def load(folder):
    """``(modes in their order, jobs, remarks)``. Raises ValueError if it is no such folder."""
    folder, remarks = Path(folder), []
    plan = _json(folder / "queue.json")
    if plan is None or not isinstance(plan.get("modes"), list):
        raise ValueError(f"{str(folder)!r} has no readable queue.json; expected a folder that fsampler queue has made")
    jobs = []
    for path in sorted((folder / "jobs").glob("*.json")):
        record = _json(path)
        if record is None or not isinstance(record.get("mode"), str) or not isinstance(record.get("seed"), int):
            remarks.append(f"{path.name} is not whole; the same fsampler queue command runs it again")
            continue
        links = []
        images = dict(_pictures(folder, record, remarks, links))
        links += _files(folder, record, remarks)
        jobs.append(FinishedJob(record["mode"], record["seed"], record, images, links))
    modes, seeds = [str(mode) for mode in plan["modes"]], _list(plan.get("seeds"))
    if missing := len(modes) * len(seeds) - len(jobs):
        remarks.append(f"{missing} of {len(modes) * len(seeds)} jobs are not finished")
    return modes, jobs, remarks


def _pictures(folder, record, remarks, links):
    for image, name in _named(record, "images", remarks):
        try:
            picture, frames = _open(folder / "images" / name)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # PIL says all of these
            remarks.append(f"{name} cannot be read: {error}")
            continue
        if frames > 1:
            links.append((f"images/{name}", f"{_called(image)}: {frames} frames, of which the first is compared"))
        index = image.get("index")
        yield (image["node"], index if isinstance(index, int) else 0), picture


def _files(folder, record, remarks):
    for file, name in _named(record, "files", remarks):
        if (folder / "files" / name).is_file():
            yield f"files/{name}", _called(file)
        else:
            remarks.append(f"{name} is missing; the same fsampler queue command runs its job again")


def _named(record, key, remarks):
    """``(entry, name)`` of the files in a list of a record; a name that is a way elsewhere is none."""
    for entry in _list(record.get(key)):
        name = entry.get("file") if isinstance(entry, dict) else None
        if not isinstance(name, str) or name != Path(name).name or not isinstance(entry.get("node"), str):
            remarks.append(f"a file of {record['mode']} seed {record['seed']} has no name that is only a name")
            continue
        yield entry, name


def _called(entry):
    return f"{entry.get('named') or entry['file']} of {entry.get('title') or 'node'} {entry['node']}"


def _open(path):
    """The first frame, and how many there are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width}x{image.height} pixels")
            return image.convert("RGB"), getattr(image, "n_frames", 1)


def _json(path):
    try:
        value = json.loads(path.read_bytes())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _list(value):
    return value if isinstance(value, list) else []
