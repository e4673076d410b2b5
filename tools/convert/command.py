"""``fsampler convert``: its arguments, the order of its steps, what it prints."""

import argparse
import os
import sys
from types import ModuleType

from ..text import LONGEST, cut, escaped, shown
from . import api, convert
from .read import read
from .widgets import widget_values
from .write import default_out, to_text, write

EXAMPLE = "fsampler convert portrait.json --mode calls:50% -o faster.json"
STYLES = ("model", "ksampler")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    nothing = argparse.SUPPRESS
    parser.add_argument("file", metavar="FILE", help="a workflow or a prompt (.json), or a PNG that ComfyUI saved")
    parser.add_argument(
        "--mode",
        default=nothing,
        help="any mode of the nodes; if not given: balanced, and nodes put in before keep theirs",
    )
    parser.add_argument(
        "--style",
        choices=STYLES,
        default="model",
        help="model: a FSampler (model) node before each sampler; ksampler: KSamplers become ours, others as in model",
    )
    parser.add_argument(
        "-o",
        dest="out",
        metavar="OUT",
        default=nothing,
        help="where to write, - for stdout; if not given: NAME.fsampler.json beside FILE (NAME.original.json with "
        "--revert), which must not exist yet",
    )
    parser.add_argument(
        "--revert", action="store_true", default=nothing, help="take out what this command has put in before"
    )


def run(args: argparse.Namespace) -> str:
    """Convert or revert one file and return the lines to print. Raises ValueError for whatever cannot be done."""
    mode, out = getattr(args, "mode", None), getattr(args, "out", None)
    reverting = getattr(args, "revert", False)
    if reverting and mode is not None:
        raise ValueError(f"--mode {mode} has no meaning with --revert; expected one of the two")
    values = [] if reverting else widget_values(mode)  # before the file is read: a wrong mode is said first
    file = read(args.file)
    form: ModuleType = convert if file.is_ui else api
    if reverting:
        outcome = form.revert(file.graph)
        if not outcome.changed:
            raise ValueError(f"{args.file!r} holds nothing that fsampler convert put in; expected a file that it wrote")
    else:
        outcome = form.convert(file.graph, values, args.style, update=mode is not None)
        if not outcome.changed and not outcome.already:
            why = f" ({'; '.join(outcome.untouched)})" if outcome.untouched else ""
            raise ValueError(f"no sampler in {args.file!r} that can have FSampler{why}; expected at least one")
    lines = outcome.lines()
    if out == "-":
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(to_text(file.data, file.indent, encoding) + "\n")
        sys.stderr.write("".join(f"{shown(line, sys.stderr)}\n" for line in lines))
        return ""
    place = default_out(args.file, reverting) if out is None else out
    if not outcome.changed and os.path.realpath(place) == os.path.realpath(args.file):
        lines.append(f"nothing to change in {str(place)!r}")
    else:
        write(to_text(file.data, file.indent), place, overwrite=out is not None)
        lines.append(f"written: {place}")
    return "\n".join(escaped(cut(line, LONGEST)) for line in lines)
