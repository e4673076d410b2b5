"""``fsampler compare``: report.html, report.json and report.csv in a folder of ``fsampler queue``."""

import argparse
import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..bar import progress
from ..files import write_files
from ..text import cut, number
from .figures import FULL, Pair, Row, count, pairs, summary
from .load import FinishedJob, load
from .page import page

Cell = str | float | None
Line = dict[str, Cell]  # a row of report.csv, by _FIELDS
EXAMPLE = "fsampler compare out/queue/portrait"
LONGEST_MODE = 60  # characters, in the summary
FILES = ("report.html", "report.json", "report.csv")
_FIELDS = (
    "mode",
    "seed",
    "node",
    "index",
    "ssim",
    "psnr",
    "identical",
    "calls",
    "evaluations",
    "seconds",
    "sampling_seconds",
    "speedup",
    "server",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="the --out of fsampler queue")
    parser.add_argument("--title", default=argparse.SUPPRESS, help="of the page; if not given, the name of DIR")


def run(args: argparse.Namespace) -> str:
    """Write the three files and return the lines to print. Raises ValueError if there is nothing to compare."""
    modes, jobs, remarks = load(args.folder)
    order = {mode: at for at, mode in enumerate(modes)}
    full = {job.seed for job in jobs if job.mode == FULL}
    if not any(job.mode != FULL and job.seed in full for job in jobs):
        why = "" if full else f", for lack of runs of mode {FULL}"
        why += "".join(f"; {remark}" for remark in remarks[:3])
        raise ValueError(f"nothing to compare in {str(args.folder)!r}{why}; expected a mode beside the full run")
    compared = list(progress(pairs(modes, jobs, remarks), count(jobs), "pictures", few=20))
    compared.sort(key=lambda pair: (pair.seed, order.get(pair.mode, len(order))))
    if not compared:
        remarks.append("there are no pictures of the same node in two modes; only calls and seconds are compared")
    servers = {str(job.record.get("server")) for job in jobs}
    if len(servers) > 1:
        remarks.append(f"the seconds are of {len(servers)} servers; they tell about the modes only if those are alike")
    rows, lines = summary(modes, jobs, compared), list(_lines(jobs, compared))
    title = getattr(args, "title", None) or args.folder.resolve().name
    files = [
        {"mode": job.mode, "seed": job.seed, "file": place, "name": name} for job in jobs for place, name in job.links
    ]
    whole = {"summary": rows, "pictures": lines, "files": files, "remarks": remarks}
    write_files(
        args.folder,
        {
            "report.html": page(title, rows, jobs, compared, remarks).encode("utf-8", "replace"),
            "report.json": (json.dumps(whole, indent=1) + "\n").encode(),
            "report.csv": to_csv(lines).encode("utf-8", "replace"),
        },
    )
    told = [f"remark: {remark}" for remark in remarks]
    return "\n".join([text(rows), *told, f"page: {args.folder / FILES[0]}"])


def _lines(jobs: list[FinishedJob], compared: list[Pair]) -> Iterator[Line]:
    """A line for each picture of a full run, without a comparison, and one for each ``Pair``."""
    found = {(job.mode, job.seed): job for job in jobs}
    for job in jobs:
        if job.mode == FULL:
            yield from (_line(job, node, index, None) for node, index in job.images)
    yield from (_line(found[pair.mode, pair.seed], pair.node, pair.index, pair) for pair in compared)


def _line(job: FinishedJob, node: str, index: int, pair: Pair | None) -> Line:
    values: tuple[Cell, ...] = (
        job.mode,
        job.seed,
        node,
        index,
        pair.ssim if pair else None,
        pair.psnr if pair else None,
        pair.same if pair else None,
        job.total("calls"),
        job.total("evaluations"),
        job.seconds(),
        job.seconds("sampling_seconds"),
        job.speedup(),
        job.record.get("server"),
    )
    return dict(zip(_FIELDS, values, strict=True))


def to_csv(lines: Iterable[Line]) -> str:
    """The lines as CSV; a text that a spreadsheet would take for a formula gets a quote in front."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _FIELDS, lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow(
            {
                key: f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
                for key, value in line.items()
            }
        )
    return buffer.getvalue()


def text(rows: list[Row]) -> str:
    """The summary for a terminal, in columns."""
    modes = [cut(row["mode"], LONGEST_MODE) for row in rows]
    width = max(map(len, modes))
    lines = [f"{'mode':<{width}}  runs    SSIM  PSNR dB   calls  seconds  times as fast"]
    for mode, row in zip(modes, rows, strict=True):
        lines.append(
            f"{mode:<{width}}  {row['runs']:>4}  {number(row['ssim'], 4):>6}  {number(row['psnr'], 2):>7}  "
            f"{number(row['calls'], 1):>6}  {number(row['seconds'], 2):>7}  {number(row['factor'], 2):>13}"
        )
    return "\n".join(lines)
