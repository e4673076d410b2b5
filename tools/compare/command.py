"""``fsampler compare``: report.html, report.json and report.csv in a folder of ``fsampler queue``."""

import argparse
import csv
import io
import json
from pathlib import Path

from ..files import write_files
from .figures import FULL, pairs, summary
from .load import load
from .page import number, page

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
    "server",
)


def add_arguments(parser):
    parser.add_argument("folder", metavar="DIR", type=Path, help="the --out of fsampler queue")
    parser.add_argument("--title", default=argparse.SUPPRESS, help="of the page; if not given, the name of DIR")


def run(args):
    """Write the three files; the lines to print. Raises ValueError if there is nothing to compare."""
    modes, jobs, remarks = load(args.folder)
    compared = list(pairs(modes, jobs))
    full = {job.seed for job in jobs if job.mode == FULL}
    if not any(job.mode != FULL and job.seed in full for job in jobs):
        why = "" if full else f", for lack of runs of mode {FULL}"
        told = "".join(f"; {remark}" for remark in remarks[:3])
        raise ValueError(f"nothing to compare in {str(args.folder)!r}{why}{told}; expected a mode beside the full run")
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


def _lines(jobs, compared):
    """A dict a picture, those of the full runs included, as nothing to be compared with."""
    found = {(job.mode, job.seed): job for job in jobs}
    for job in jobs:
        if job.mode == FULL:
            yield from (_line(job, node, index, None) for node, index in job.images)
    yield from (_line(found[pair.mode, pair.seed], pair.node, pair.index, pair) for pair in compared)


def _line(job, node, index, pair):
    values = (
        job.mode,
        job.seed,
        node,
        index,
        pair and pair.ssim,
        pair and pair.psnr,
        pair and pair.same,
        job.total("calls"),
        job.total("evaluations"),
        job.seconds(),
        job.seconds("sampling_seconds"),
        job.record.get("server"),
    )
    return dict(zip(_FIELDS, values, strict=True))


def to_csv(lines):
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


def text(rows):
    """The summary as fixed-width text."""
    width = max(len(row["mode"]) for row in rows)
    lines = [f"{'mode':<{width}}  runs    SSIM  PSNR dB   calls  seconds  times as fast"]
    for row in rows:
        lines.append(
            f"{row['mode']:<{width}}  {row['runs']:>4}  {number(row['ssim'], 4):>6}  {number(row['psnr'], 2):>7}  "
            f"{number(row['calls'], 1):>6}  {number(row['seconds'], 2):>7}  {number(row['factor'], 2):>13}"
        )
    return "\n".join(lines)
