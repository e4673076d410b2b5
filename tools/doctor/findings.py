"""What the doctor finds, as records: the text and the JSON that it prints are two views of one ``Findings``."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Here:
    """What is installed where the command runs; None and ``missing`` (names of packages) for what is not."""

    fsampler: str
    python: str
    system: str
    torch: str | None
    device: str | None
    missing: list[str]


@dataclass(frozen=True)
class InFull:
    """A sampler with which every run is in full, and why."""

    sampler: str
    why: str


@dataclass(frozen=True)
class Cache:
    """A node that makes a model skip by another method; beside it FSampler's run is in full."""

    node: str
    method: str


@dataclass(frozen=True)
class Pack:
    """This pack on a server: its folder, its version if it says one, and what is wrong, a line each."""

    folder: str
    version: str | None
    faults: list[str]


@dataclass(frozen=True)
class There:
    """What a server has; ``pack`` is None where this pack is not among its nodes."""

    address: str
    comfyui: str
    python: str
    torch: str
    devices: list[str]
    faults: list[str]
    pack: Pack | None
    samplers: int
    in_full: list[InFull]
    caches: list[Cache]


@dataclass(frozen=True)
class Sampling:
    """A node that samples, or that sounds as if it did: whether it will skip.

    ``input`` is the one that the MODEL comes through, where there are several. ``mode`` is as the file says it, and
    ``by`` the FSampler node that says it; None where there is none, or where a connection gives the mode. ``why`` is
    the reason for not skipping.
    """

    node: str
    input: str | None
    skips: bool
    mode: str | None = None
    by: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class InFile:
    """What is in a file; ``form`` is "workflow" (UI format) or "prompt" (API format)."""

    file: str
    form: str
    nodes: list[Sampling] = field(default_factory=list)


@dataclass(frozen=True)
class Findings:
    """All of it; None for what was not asked for."""

    here: Here
    server: There | None
    file: InFile | None
