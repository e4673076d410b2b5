"""What is in a folder of ``fsampler queue``: its jobs and their pictures.

A file that is broken or missing is left out, with a remark that the page shows.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ..data import Object, as_list, objects, parse_object, positive

MOST_PIXELS = 100_000_000


@dataclass
class FinishedJob:
    """A job that is done.

    ``record`` is what the queue wrote about it, ``images`` are its RGB pictures by ``(node id, index)``. ``links`` are
    ``(place in the folder, what to call it)`` of files that cannot be compared, or of which only a part is.
    """

    mode: str
    seed: int
    record: Object
    images: dict[tuple[str, int], Image.Image]
    links: list[tuple[str, str]] = field(default_factory=list)

    @property
    def reports(self) -> list[Object]:
        """The engine's reports, one for each sampler of the workflow that has one."""
        return objects(self.record.get("reports"))

    def total(self, key: str) -> int | None:
        """The sum of ``calls`` or ``evaluations`` over the reports, None if none of them says."""
        numbers = [value for one in self.reports if isinstance(value := one.get(key), int)]
        return sum(numbers) if numbers else None

    def speedup(self) -> float | None:
        """How many times as long the samplings would have taken in full, as their own reports have measured; None if
        none of them says."""
        measured = [
            (seconds, factor)
            for one in self.reports
            if (seconds := positive(one.get("seconds"))) is not None
            and (factor := positive(one.get("speedup"))) is not None
        ]
        total = sum(seconds for seconds, _ in measured)
        return sum(seconds * factor for seconds, factor in measured) / total if total else None

    def title(self, node: str) -> str:
        """What the workflow calls the node of a picture."""
        images = objects(self.record.get("images"))
        return next((str(one["title"]) for one in images if one.get("node") == node and one.get("title")), "picture")

    def seconds(self, key: str = "seconds") -> float | None:
        """``seconds`` of the whole workflow or ``sampling_seconds`` of its samplers; None if nobody measured them."""
        value = self.record.get(key)
        return float(value) if isinstance(value, int | float) and value >= 0 else None


def load(folder: str | Path) -> tuple[list[str], list[FinishedJob], list[str]]:
    """``(modes, jobs, remarks)``: the modes in the order of the plan, and what to tell the user about the folder.

    Raises ValueError if ``fsampler queue`` has not made this folder.
    """
    folder, remarks = Path(folder), list[str]()
    plan = _json(folder / "queue.json")
    if plan is None or not isinstance(plan.get("modes"), list):
        raise ValueError(f"{str(folder)!r} has no readable queue.json; expected a folder that fsampler queue has made")
    jobs = []
    for path in sorted((folder / "jobs").glob("*.json")):
        record = _json(path)
        if record is None or not isinstance(record.get("mode"), str) or not isinstance(record.get("seed"), int):
            remarks.append(f"{path.name} is not whole; the same fsampler queue command runs it again")
            continue
        links = list[tuple[str, str]]()
        images = dict(_pictures(folder, record, remarks, links))
        links += _files(folder, record, remarks)
        jobs.append(FinishedJob(record["mode"], record["seed"], record, images, links))
    modes, seeds = [str(mode) for mode in plan["modes"]], as_list(plan.get("seeds"))
    if missing := len(modes) * len(seeds) - len(jobs):
        remarks.append(f"{missing} of {len(modes) * len(seeds)} jobs are not finished")
    return modes, jobs, remarks


def _pictures(
    folder: Path, record: Object, remarks: list[str], links: list[tuple[str, str]]
) -> Iterator[tuple[tuple[str, int], Image.Image]]:
    """``((node id, index), picture)`` of the pictures that can be read; one with more frames also gets a link."""
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


def _files(folder: Path, record: Object, remarks: list[str]) -> Iterator[tuple[str, str]]:
    """Links to the files that are no pictures."""
    for file, name in _named(record, "files", remarks):
        if (folder / "files" / name).is_file():
            yield f"files/{name}", _called(file)
        else:
            remarks.append(f"{name} is missing; the same fsampler queue command runs its job again")


def _named(record: Object, key: str, remarks: list[str]) -> Iterator[tuple[Object, str]]:
    """``(entry, file name)`` of the files that a record lists under ``key``.

    An entry is left out if its name has a folder in it: a record from elsewhere could lead out of the folder that way.
    """
    for entry in as_list(record.get(key)):
        name = entry.get("file") if isinstance(entry, dict) else None
        if not isinstance(name, str) or name != Path(name).name or not isinstance(entry.get("node"), str):
            remarks.append(f"a file of {record['mode']} seed {record['seed']} has no name that is only a name")
            continue
        yield entry, name


def _called(entry: Object) -> str:
    """What the page calls a file: its name on the server, and the node that made it."""
    return f"{entry.get('named') or entry['file']} of {entry.get('title') or 'node'} {entry['node']}"


def _open(path: Path) -> tuple[Image.Image, int]:
    """The first frame of a picture, and how many there are. Raises PIL's errors, and ValueError if it is too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width}x{image.height} pixels")
            return image.convert("RGB"), getattr(image, "n_frames", 1)


def _json(path: Path) -> Object | None:
    """The object in a JSON file, None if it cannot be read."""
    try:
        return parse_object(path.read_bytes())
    except OSError:
        return None
