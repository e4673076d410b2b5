"""``fsampler doctor``: its arguments, and what it prints."""

import argparse
import dataclasses
import json
import os

from ..convert.read import read
from ..queueing import address
from ..queueing.secret import NAME, Secret
from ..text import LONGEST, cut
from . import prompt, words, workflow
from .findings import Findings, InFile
from .here import here

EXAMPLE = "fsampler doctor portrait.json --server 127.0.0.1:8188"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    nothing = argparse.SUPPRESS
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        default=nothing,
        help="a workflow or a prompt (.json), or a PNG that ComfyUI saved: which of its nodes will skip, and why not",
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        default=nothing,
        help=f"a ComfyUI to ask, such as {address.DEFAULT}; none is asked without it. {NAME} is sent as in queue",
    )
    parser.add_argument("--json", action="store_true", default=nothing, help="print the findings as JSON")


def run(args: argparse.Namespace) -> str:
    """What was found, as text or JSON. Raises ValueError for a file or server that cannot be read."""
    found = findings(getattr(args, "file", None), getattr(args, "server", None))
    if getattr(args, "json", False):
        return json.dumps(dataclasses.asdict(found), indent=2)
    return "\n".join(cut(line, LONGEST) for line in words.lines(found))


def findings(path: str | None, url: str | None) -> Findings:
    """All that is found. Raises ValueError as ``run`` does."""
    where = None if url is None else address.parse(url)
    token = Secret(os.environ.get(NAME)).token if where else None
    file = None if path is None else in_file(path)
    if where is None:
        return Findings(here(), None, file)
    from .there import there  # needs pydantic and certifi

    return Findings(here(), there(where, token), file)


def in_file(path: str) -> InFile:
    """What is in a file. Raises ValueError that names it for what cannot be read."""
    file = read(path)
    form, sampling = ("workflow", workflow.sampling) if file.is_ui else ("prompt", prompt.sampling)
    return InFile(path, form, sampling(file.graph))
