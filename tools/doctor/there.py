"""What a server has: asked with the client of ``fsampler queue``, so with its deadlines and its token."""

from typing import Any
from urllib.parse import quote

from pydantic import RootModel

from ... import __version__
from ..convert.packs import CACHES
from ..data import as_list, as_object
from ..queueing.answers import Answer, System, Words
from ..queueing.gone import Gone
from ..queueing.server import OLDEST, Server, version_of
from ..text import cut
from .findings import Cache, InFull, Pack, There
from .samplers import BY_NAME, why_in_full

NODES = (  # of this pack; saved workflows name them
    "FSamplerModel FSamplerKSampler FSamplerKSamplerAdvanced FSamplerSampler FSamplerSolver FSamplerSettings "
    "FSamplerReport FSamplerRecord FSamplerCompare FSampler FSamplerAdvanced FSamplerSelect"
).split()
LONGEST = 100  # characters of a name that a server says


class Machine(System):
    """What runs there."""

    python_version: Words = ""
    pytorch_version: Words = ""


class Device(Answer):
    """What it computes on."""

    name: Words = ""


class Stats(Answer):
    """GET /system_stats."""

    system: Machine = Machine()
    devices: list[Device] = []


class Node(Answer):
    """A class of nodes, the module that brings it, and its inputs."""

    python_module: Words = ""
    input: Any = None


class Nodes(RootModel[dict[str, Node]]):
    """GET /object_info: every class of nodes."""


class Version(Answer):
    """GET /extensions/FOLDER/version.json: what ``web/version.json`` of this pack says."""

    version: str


def there(address: str, token: str | None) -> There:
    """What is found on the server. Raises ValueError where it does not answer, or is no ComfyUI."""
    server = Server(address, token)
    try:
        stats, nodes = server.read(Stats, "system_stats"), server.read(Nodes, "object_info").root
        pack = _pack(server, nodes)
    except Gone as error:
        raise ValueError(f"{server.name} {error}") from None
    version, oldest = stats.system.comfyui_version, ".".join(map(str, OLDEST))
    old = [f"expected ComfyUI {oldest} or newer"] if version_of(version) < OLDEST else []
    names = [*_sampler_names(nodes), *(kind for kind in BY_NAME if kind in nodes)]
    found = ((cut(name, LONGEST), why_in_full(name)) for name in names)
    return There(
        address,
        cut(version, LONGEST),
        cut(stats.system.python_version.partition(" ")[0], LONGEST),
        cut(stats.system.pytorch_version, LONGEST),
        [cut(device.name, LONGEST) for device in stats.devices],
        old,
        pack,
        len(names),
        [InFull(name, why) for name, why in found if why],
        [Cache(kind, method) for kind, method in CACHES.items() if kind in nodes],
    )


def _pack(server: Server, nodes: dict[str, Node]) -> Pack | None:
    """This pack on the server, by the node that every workflow of ours needs."""
    if "FSamplerModel" not in nodes:
        return None
    module = nodes["FSamplerModel"].python_module
    folder = module.rpartition(".")[2]
    faults = [f"it lacks the node {kind}" for kind in NODES if kind not in nodes]
    others = ((kind, nodes[kind].python_module) for kind in NODES if kind in nodes)
    faults += [f"the node {kind} there is of {cut(other, LONGEST)}" for kind, other in others if other != module]
    try:
        version = cut(server.read(Version, f"extensions/{quote(folder, safe='')}/version.json").version, LONGEST)
    except Gone:
        return Pack(
            cut(folder, LONGEST), None, ["it does not say its version, so it is older than this command"] + faults
        )
    if version != __version__:
        faults.insert(0, f"this command is {__version__}; bring both to one version")
    return Pack(cut(folder, LONGEST), version, faults)


def _sampler_names(nodes: dict[str, Node]) -> list[str]:
    """What KSampler offers: ``[names, ...]`` in older versions, ``["COMBO", {"options": names}]`` in newer ones."""
    given = as_object(nodes["KSampler"].input) if "KSampler" in nodes else {}
    offer = as_list(as_object(given.get("required")).get("sampler_name"))
    names = offer[0] if offer and isinstance(offer[0], list) else as_object(next(iter(offer[1:]), None)).get("options")
    return [name for name in as_list(names) if isinstance(name, str)]
