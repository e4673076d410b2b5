"""The console script ``fsampler``: finds the command, runs it, turns what can go wrong into one line and an exit code.

A command is a module with ``EXAMPLE``, a command line to copy, ``add_arguments(parser)`` and ``run(args)``, which
returns the text to print at the end; only the one asked for is imported. To add a command, add a line to ``COMMANDS``.
Exit codes: 0 done, 2 bad input, 130 interrupted.
"""

import argparse
import importlib
import shutil
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from .. import __version__
from .text import LONGEST, cut, one_line, printable

COMMANDS = {
    "demo": ("fsampler_research.demo.command", "run the demo model in full and with skipping, and compare pictures"),
    "record": ("fsampler_research.demo.record", "plan the demo model's calls from a run that is recorded"),
    "convert": (".convert.command", "put FSampler into a ComfyUI workflow file, or take it out again"),
    "queue": (".queueing.command", "run a workflow on ComfyUI servers, for every mode and seed"),
    "doctor": (".doctor.command", "what is installed here and on a server, and which nodes of a file will skip"),
    "compare": (".compare.command", "a page that compares what fsampler queue has made"),
}
# Optional packages and what brings them; any other ImportError is a bug.
RESEARCH = "pip install ./research, in a clone of FSampler's repository"
REMEDIES = {
    **dict.fromkeys(("fsampler_research", "safetensors", "scipy", "skimage", "matplotlib"), RESEARCH),
    "torch": 'pip install "fsampler[engine]"',
    **dict.fromkeys(("numpy", "PIL", "pydantic", "torchmetrics", "tqdm"), 'pip install "fsampler[compare]"'),
    **dict.fromkeys(("certifi", "websockets"), 'pip install "fsampler[headless]"'),
    "ray": 'pip install "fsampler[ray]"',
}


EXAMPLE = "fsampler convert portrait.json --mode balanced"
WIDEST = 80  # columns


class Layout(argparse.ArgumentDefaultsHelpFormatter):
    """Help with the defaults, in 80 columns or as many as the terminal has if those are less."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(WIDEST, shutil.get_terminal_size().columns) - 2)


class Parser(argparse.ArgumentParser):
    """Argparse that raises ValueError where it would exit, so that ``main`` reports every complaint in one way."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see {self.prog} --help)")


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, ModuleType]:
    """The parsed arguments, and the module that runs them. Raises ValueError for bad arguments."""
    parser = Parser(
        prog="fsampler",
        description="Faster diffusion sampling: skip model calls, predict them instead.",
        epilog=f"example: {EXAMPLE}",
        formatter_class=Layout,
    )
    parser.add_argument("--version", action="version", version=f"fsampler {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    module = None
    for name, (path, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary, formatter_class=Layout)
        if name in argv[:1]:
            module = importlib.import_module(path, __package__)
            module.add_arguments(command)
            command.epilog = f"example: {module.EXAMPLE}"
    args = parser.parse_args(argv)
    if module is None:
        parser.error(f"expected the command first, one of {', '.join(COMMANDS)}")
    return args, module


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, by default that of the process, and return the exit code."""
    try:
        args, module = parse(sys.argv[1:] if argv is None else list(argv))
        for line in module.run(args).splitlines():
            sys.stdout.write(printable(line, sys.stdout) + "\n")
        sys.stdout.flush()
    except (ValueError, OSError, FloatingPointError) as error:
        return _fail(str(error), 2)
    except MemoryError:
        return _fail("the memory is not enough; expected smaller files, or more memory", 2)
    except ImportError as error:
        remedy = REMEDIES.get((error.name or "").partition(".")[0])
        if remedy is None:
            raise
        return _fail(f"the package {error.name!r} is missing; install it with: {remedy}", 2)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"fsampler: error: {printable(cut(one_line(message), 4 * LONGEST), sys.stderr)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
