"""The arguments of ``fsampler queue`` that ask for a Ray cluster, checked. Ray is not needed for it."""

import argparse
import re
import shlex
from dataclasses import dataclass

HERE = "local"  # the address that stands for a cluster of this machine alone
OURS = ("--listen", "--port", "--database-url", "--output-directory", "--temp-directory")  # of ComfyUI, given by us
_NEED_RAY = ("comfyui", "python", "workers", "gpus", "cpus", "server_args")
_NAMES = {"workers": "--servers", "gpus": "--gpus-per-server", "cpus": "--cpus-per-server"}


@dataclass(frozen=True)
class Options:
    """What is started where.

    ``address`` is Ray's, ``HERE`` for a new cluster on this machine. ``comfyui`` and ``python`` are paths on each
    node, in which ``~`` is the home there; without ``python`` it is found on the node. ``servers`` bounds how many
    ComfyUIs run at once, None for as many as find room; each is given ``gpus`` and ``cpus``, and ``arguments`` besides
    our own.
    """

    address: str
    comfyui: str
    python: str | None
    servers: int | None
    gpus: float
    cpus: float
    arguments: tuple[str, ...]


def add_cluster_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    group = parser.add_argument_group("on a Ray cluster", "ComfyUIs are started there, and ended; see docs/cluster.md")
    nothing = argparse.SUPPRESS

    def add(name: str, **named: object) -> None:
        group.add_argument(name, default=nothing, **named)  # type: ignore[arg-type]  # passed on as they are

    add("--ray", nargs="?", const=HERE, metavar="ADDRESS", help="of the cluster: auto, HOST:PORT or ray://HOST:PORT; "
        "without one, Ray is started on this machine")  # fmt: skip
    add("--comfyui", metavar="DIR", help="the ComfyUI with this pack, on each machine")
    add("--python", metavar="PATH", help="what runs it; if not given: DIR/.venv, DIR/venv, else the Python that runs "
        "Ray there")  # fmt: skip
    add("--servers", metavar="N", dest="workers", type=int, help="ComfyUIs at once; if not given: as find room")
    add("--gpus-per-server", metavar="N", dest="gpus", type=float, help="if not given: 1; 0.5 for two on a GPU, 0 for "
        "none")  # fmt: skip
    add("--cpus-per-server", metavar="N", dest="cpus", type=float, help="if not given: 1")
    add("--server-args", metavar="TEXT", help="more arguments for ComfyUI: --server-args=--lowvram")


def options_of(args: argparse.Namespace) -> Options | None:
    """What the arguments ask for, None without --ray. Raises ValueError for what does not go together."""
    given = [_NAMES.get(name, f"--{name.replace('_', '-')}") for name in _NEED_RAY if hasattr(args, name)]
    if not hasattr(args, "ray"):
        if given:
            raise ValueError(f"{given[0]} is for --ray; expected --ray too")
        return None
    if hasattr(args, "servers"):
        raise ValueError("--ray starts its own ComfyUIs, and --server names one that runs; expected one of the two")
    if not getattr(args, "comfyui", ""):
        raise ValueError("--ray: expected --comfyui DIR, the ComfyUI to start")
    return Options(
        _address(args.ray),
        args.comfyui,
        getattr(args, "python", None),
        _count(getattr(args, "workers", None)),
        *_shares(getattr(args, "gpus", 1.0), getattr(args, "cpus", 1.0)),
        _arguments(getattr(args, "server_args", "")),
    )


def _address(text: str) -> str:
    if text in (HERE, "auto") or re.fullmatch(r"(ray://)?[A-Za-z0-9.\-]+:\d{1,5}", text):
        return text
    raise ValueError(f"--ray {text!r}; expected auto, HOST:PORT or ray://HOST:PORT, or nothing for this machine")


def _count(servers: int | None) -> int | None:
    if servers is not None and not 1 <= servers <= 10_000:
        raise ValueError(f"--servers {servers}; expected 1 to 10000")
    return servers


def _shares(gpus: float, cpus: float) -> tuple[float, float]:
    for name, share in (("gpus", gpus), ("cpus", cpus)):
        if not 0 <= share <= 1024 or (share > 1 and share != int(share)):
            raise ValueError(f"--{name}-per-server {share:g}; expected a whole number, or a part of 1")
    if not gpus and not cpus:
        raise ValueError("--gpus-per-server 0 and --cpus-per-server 0 set no bound; expected one of them above 0")
    return gpus, cpus


def _arguments(text: str) -> tuple[str, ...]:
    """The words of ``text``; those that we give ourselves, in any shorter spelling, are refused."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"--server-args {text!r}: {error}") from None
    for word in words:
        name = word.partition("=")[0]
        if len(name) > 2 and name.startswith("--") and any(one.startswith(name) for one in OURS):
            raise ValueError(f"--server-args: {name} is not for you to set; ComfyUI is given its own {', '.join(OURS)}")
    return words
