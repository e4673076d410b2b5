"""What is in a folder of ``fsampler queue``: its jobs and their pictures.

A file that is broken or missing is left out, with a remark that the page shows.
"""

import contextlib
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from pydantic import ValidationError

from ..data import Object, as_list, objects, parse_object, positive
from ..files import read_file
from ..report import Report, fault
from ..text import cut, one_line

MOST_PIXELS = 100_000_000
READ_ERRORS = (  # PIL says all of these of pictures that are none, or are too large
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    ArithmeticError,
    LookupError,
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Picture:
    """A picture that is read when it is needed."""

    path: Path

    @property
    def name(self) -> str:
        """What remarks call it."""
        return self.path.name

    def read(self) -> Image.Image:
        """Its first frame in RGB. Raises ``READ_ERRORS``."""
        with _opened(self.path) as image:
            return image.convert("RGB")


@dataclass
class FinishedJob:
    """A job that is done.

    ``record`` is what the queue wrote about it, ``images`` are its pictures by ``(node id, index)``. ``links`` are
    ``(place in the folder, what to call it)`` of files that cannot be compared, or of which only a part is.
    """

    mode: str
    seed: int
    record: Object
    images: dict[tuple[str, int], Picture]
    links: list[tuple[str, str]] = field(default_factory=list)

    @property
    def reports(self) -> list[Object]:
        """The engine's reports, one for each sampler of the workflow that has one; ``load`` has checked them."""
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
        return float(value) if isinstance(value, int | float) and 0 <= value < 1e12 else None


def load(folder: str | Path) -> tuple[list[str], list[FinishedJob], list[str]]:
    """``(modes, jobs, remarks)``: the modes in the order of the plan (before them the full run that ``--record`` adds),
    and what to tell the user about the folder.

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
        record["reports"] = list(_reports(record, remarks))
        links = list[tuple[str, str]]()
        images = dict(_pictures(folder, record, remarks, links))
        links += _files(folder, record, remarks)
        jobs.append(FinishedJob(record["mode"], record["seed"], record, images, links))
    modes, found = [str(mode) for mode in plan["modes"]], {(job.mode, job.seed) for job in jobs}
    asked = {(mode, seed) for mode in modes for seed in as_list(plan.get("seeds")) if isinstance(seed, int)}
    if missing := len(asked - found):
        remarks.append(f"{missing} of {len(asked | found)} jobs are not finished")
    return list(dict.fromkeys([*(mode for mode, _ in found if mode not in modes), *modes])), jobs, remarks


def _pictures(
    folder: Path, record: Object, remarks: list[str], links: list[tuple[str, str]]
) -> Iterator[tuple[tuple[str, int], Picture]]:
    """``((node id, index), picture)`` of the pictures that begin as one; one with more frames also gets a link."""
    for image, name in _named(record, "images", remarks):
        picture = Picture(folder / "images" / name)
        try:
            with _opened(picture.path) as opened:
                frames = getattr(opened, "n_frames", 1)
        except READ_ERRORS as error:
            remarks.append(f"{name} of {record['mode']} seed {record['seed']} cannot be read: {said(error)}")
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


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A picture, of which nothing is decoded yet. Raises ``READ_ERRORS``."""
    if not path.is_file():  # a pipe would be waited for
        raise FileNotFoundError("there is no such file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width}x{image.height} pixels")
            yield image


def said(error: BaseException) -> str:
    """What an error says, in a few words."""
    return cut(one_line(str(error)), 200) or type(error).__name__


def _reports(record: Object, remarks: list[str]) -> Iterator[Object]:
    """The reports of a record that are such."""
    for one in as_list(record.get("reports")):
        try:
            yield Report.model_validate(one).to_dict()
        except ValidationError as error:
            remarks.append(f"a report of {record['mode']} seed {record['seed']} is left out: {fault(error)}")


def _json(path: Path) -> Object | None:
    """The object in a JSON file, None if it cannot be read."""
    try:
        return parse_object(read_file(path))
    except OSError:
        return None
