"""Which nodes of a graph in UI format sample, where their MODEL comes in, and why one cannot have FSampler."""

from typing import Any

from .known import KSAMPLERS, NOT_SAMPLERS, sounds_like_sampler
from .packs import CARRIED, SAMPLERS, aside
from .trace import Tracer
from .ui import Graph, Link, Node, get, inputs, outputs

LATENTS = ("LATENT", "IMAGE", "SAMPLES")  # how the types of outputs end that hold what was sampled


def model_slots(node: Node) -> list[int]:
    """The indices of the inputs through which a sampling node gets its MODELs; none for a node that does not sample.

    A node samples that takes a MODEL and gives a LATENT or a GUIDER. One that gives the MODEL as well is a patch,
    unless its name says otherwise. Of several models those count that are known by name (of a DualModelGuider only the
    first is asked for wrappers), else the one in the input "model", else all.
    """
    gives = {str(slot.get("type")) for slot in outputs(node)}
    samples = bool(gives & {"LATENT", "GUIDER"}) and node["type"] not in NOT_SAMPLERS
    if "MODEL" in gives and not sounds_like_sampler(node["type"]):
        samples = False
    if not samples and node["type"] not in SAMPLERS:
        return []
    slots = [index for index, slot in enumerate(inputs(node)) if slot.get("type") == "MODEL"]
    names = SAMPLERS.get(node["type"], ["model"])
    return [index for index in slots if inputs(node)[index].get("name") in names] or slots


def unplaceable(graph: Graph, node: Node, tracer: Tracer) -> str | None:
    """Why FSampler cannot be put before a node without a MODEL input that samples, or that sounds as if it did.

    None for all other nodes, among them those whose guider can have FSampler.
    """
    if node["type"] in KSAMPLERS:
        return "it has no MODEL input"
    if known := aside(node["type"]):
        return known
    takes = [slot for slot in inputs(node) if slot.get("type") == "GUIDER"]
    gives = {str(slot.get("type")) for slot in outputs(node)}
    if takes and "LATENT" in gives:
        makers = tracer.ancestors(graph, takes[0].get("link"), "GUIDER")
        maker = next((maker for maker in makers if "GUIDER" in [slot.get("type") for slot in outputs(maker)]), None)
        if maker is None:
            return "nothing in the file feeds its GUIDER input"
        return None if model_slots(maker) else f"its guider {maker['type']} {maker['id']} takes no MODEL"
    if node["type"].startswith(("workflow>", "workflow/")):
        return "a sampler is inside this group node; make it a subgraph" if _group_samples(graph, node) else None
    latent = any(one.upper().endswith(LATENTS) for one in gives)
    return "it takes no MODEL" if latent and sounds_like_sampler(node["type"]) else None


def _group_samples(graph: Graph, node: Node) -> bool:
    """Is there a sampler in a group node? Group nodes, older than subgraphs, are defined in ``extra``."""
    groups = (graph.form.get("extra") or {}).get("groupNodes")
    definition = groups.get(node["type"][len("workflow>") :]) if isinstance(groups, dict) else None
    nodes = definition.get("nodes") if isinstance(definition, dict) else None
    kinds = [inner.get("type") for inner in nodes or [] if isinstance(inner, dict)]
    return any(kind in SAMPLERS or sounds_like_sampler(str(kind)) for kind in kinds)


def skips_already(graph: Graph, node: Node, slot: int, tracer: Tracer) -> Node | None:
    """The FSampler node because of which a node skips already, or None.

    That is one on the way of the MODEL into its input ``slot``, or one on the way of the SAMPLER into it or, if it is a
    guider, into a node that uses it.
    """
    ways = [(inputs(node)[slot].get("link"), "MODEL")]
    ways += [(link_id, "SAMPLER") for link_id in sampler_links(graph, node)]
    found = (tracer.because(graph, link_id, kind) for link_id, kind in ways)
    return next(filter(None, found), None)


def sampler_links(graph: Graph, node: Node) -> list[Any]:
    """The links that bring a SAMPLER to a sampling node or, if it is a guider, to the nodes that use it."""
    links = [graph.links[number] for number in graph.leaving(node["id"])]
    users = [graph.nodes.get(get(link, "target_id")) for link in links if link_type(link) == "GUIDER"]
    slots = [slot for user in filter(None, [node, *users]) for slot in inputs(user)]
    return [slot.get("link") for slot in slots if slot.get("type") == "SAMPLER"]


def carrying_slots(node: Node) -> list[int]:
    """The indices of the inputs that bring a sampling node its MODEL inside another value, such as a pipe."""
    name = CARRIED.get(node["type"])
    return [index for index, slot in enumerate(inputs(node)) if name and slot.get("name") == name]


def link_type(link: Link) -> object:
    """The type of the value on a link, None if the link does not say."""
    return link.get("type") if isinstance(link, dict) else link[5] if len(link) > 5 else None
