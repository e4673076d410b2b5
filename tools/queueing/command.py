"""``fsampler queue``: its arguments, the order of its steps, what it prints."""

import argparse
import os
import threading
import time
from pathlib import Path

from ..cluster.options import Options, add_cluster_arguments, options_of
from ..convert.widgets import widget_values
from ..text import LONGEST, cut
from . import address
from .board import Board
from .plan import Plan, QueueJob, parse_modes, parse_seeds
from .prompt import read_prompt, seeds_in, set_value
from .secret import NAME, Secret
from .store import AGAIN, Store

EXAMPLE = "fsampler queue portrait.json --modes off,fast --seeds 1-8"
MODES = "off,balanced,fast"
TIMEOUT = 600.0  # seconds
FEW = 8  # servers that are gone and named at the end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    nothing = argparse.SUPPRESS
    parser.add_argument("file", metavar="FILE", help="a prompt (API format, .json), or a PNG that ComfyUI saved")
    parser.add_argument(
        "--server",
        action="append",
        metavar="URL",
        dest="servers",
        default=nothing,
        help=f"a ComfyUI; repeat it for more. If not given: {address.DEFAULT}. A bearer token is taken from {NAME} in "
        "the environment and sent to each",
    )
    parser.add_argument("--modes", default=MODES, help="any modes of the nodes; off is the full run")
    parser.add_argument("--seeds", default=nothing, help="such as 1-8 or 1,5,9-12; if not given: the file's first seed")
    parser.add_argument(
        "--set",
        action="append",
        metavar="NODE.INPUT=VALUE",
        dest="values",
        default=nothing,
        help="another value for an input; NODE is an id or a title",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        default=nothing,
        help="record the full run of the first seed, and make each calls:N of --modes a plan from it",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, default=nothing, help="if not given: out/queue/NAME OF FILE")
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=float,
        default=TIMEOUT,
        help="seconds without a sign of life after which a server counts as hung; loading a model counts",
    )
    add_cluster_arguments(parser)


def run(args: argparse.Namespace) -> str:
    """Run the jobs of the plan that remain, and return the lines to print. Raises ValueError if that cannot be done."""
    plan = plan_of(args)
    if not 0.1 <= args.timeout <= 1e6:
        raise ValueError(f"--timeout {args.timeout:g}; expected seconds, 0.1 to 1000000")
    token = Secret(os.environ.get(NAME)).token  # one that cannot be masked is refused before anything is done
    addresses, cluster = address.parse_all(getattr(args, "servers", None)), options_of(args)
    out = getattr(args, "out", None) or Path("out/queue") / Path(args.file).stem
    with Store(out, token).opened(plan, Path(args.file).name) as store:
        remaining = [job for job in plan.jobs if store.finished(job) is None]
        if plan.first and (record := store.finished(plan.first)):
            plan.learn(record)
        began = time.monotonic()
        board = _work(plan, remaining, store, cluster or addresses, args.timeout) if remaining else Board([], {})
        return _closing(plan, remaining, board, time.monotonic() - began, out)


def plan_of(args: argparse.Namespace) -> Plan:
    """The ``Plan`` that the arguments ask for. Raises ValueError for arguments that make none."""
    values = [widget_values(mode) for mode in parse_modes(args.modes)]
    prompt = read_prompt(args.file)
    for text in getattr(args, "values", None) or []:
        set_value(prompt, text)
    if getattr(args, "seeds", None) is not None:
        seeds = parse_seeds(args.seeds)
    else:
        seeds = [prompt[number]["inputs"][key] for number, key in seeds_in(prompt)[:1]] or [0]
    return Plan(prompt, {custom or mode: [mode, custom] for mode, custom in values}, seeds, "record" in vars(args))


def _work(plan: Plan, jobs: list[QueueJob], store: Store, on: Options | list[str], timeout: float) -> Board:
    """Run the jobs on a cluster, or on the servers with these addresses. What that needs is imported only now."""
    from .crew import Named, work

    stop = threading.Event()
    if isinstance(on, list):
        return work(Named(on, store.secret.token, timeout, stop), plan, jobs, store, stop)
    from ..cluster.connect import on_ray

    with on_ray(on, timeout, stop) as pool:
        return work(pool, plan, jobs, store, stop)


def _closing(plan: Plan, remaining: list[QueueJob], board: Board, seconds: float, out: Path) -> str:
    """The lines to print; ``remaining`` are the jobs that were not finished before.

    Raises ValueError if some of them are not finished now.
    """
    gone = "; ".join(cut(f"{name} {why}", LONGEST) for name, why in list(board.gone.items())[:FEW])
    gone += f"; and {len(board.gone) - FEW} more" if len(board.gone) > FEW else ""
    if board.waiting:
        refused = {why for job in board.waiting for why in board.refused[job].values()}
        said = "; ".join([*(cut(why, LONGEST) for why in sorted(refused)[:3]), *([gone] if gone else [])])
        raise ValueError(f"{len(board.waiting)} of {len(plan.jobs)} jobs are not done: {said}; {AGAIN}")
    before = len(plan.jobs) - len(remaining)
    told = f"{len(plan.jobs)} jobs done" + (f", {before} of them before" if before else "")
    lines = [told + (f"{f', {len(remaining)}' if before else ''} in {seconds:.1f} s:" if remaining else "")]
    lines += [f"  {name}: {count}" for name, count in board.done.items()]
    lines += [f"gone: {gone}"] if gone else []
    return "\n".join([*lines, f"in {out}; to look at them: fsampler compare {str(out)!r}"])
