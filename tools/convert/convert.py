"""FSampler put into a workflow in UI format, and taken out again. Both change the workflow in place."""

from typing import Any

from .ids import Ids
from .insert import insert, remove
from .known import MARK, MODEL_NODE, OURS, is_mark
from .outcome import Outcome
from .place import Canvas
from .replace import replace, replaceable, restore, set_values
from .samplers import carrying_slots, model_slots, skips_already, unplaceable
from .trace import Tracer
from .ui import INPUT, Graph, Node, graphs, inputs, label
from .widgets import said


def convert(workflow: dict[str, Any], values: list[str], style: str, update: bool) -> Outcome:
    """Put FSampler before every node that samples, in the workflow and its subgraphs.

    ``values`` are those of the widgets mode and custom_mode. With ``style`` "ksampler" the core's KSamplers become
    ours, with "model" they get a FSampler (model) node before them, as all others do with either. With ``update``,
    nodes that were put in before get the values too. Raises ValueError for what is not built as a workflow.
    """
    every = graphs(workflow)
    ids, tracer, outcome = Ids(every), Tracer(every), Outcome()
    for graph in every:
        canvas = Canvas(graph.form)
        for node in list(graph.form["nodes"]):
            if node["type"] in tracer.subgraphs:
                continue
            name, slots = f"{label(node)}{graph.place}", model_slots(node)
            if update and _is_ours(node) and set_values(node, values):
                outcome.changed.append(f"{name}: mode {said(values)}")
            elif node["type"] in OURS:
                outcome.already.append(f"{name}: skips already")
            elif style == "ksampler" and replaceable(node) and not _skipping(graph, node, slots, tracer):
                replace(graph, node, values)
                outcome.changed.append(f"{name}: now {node['type']}, mode {said(values)}")
            elif slots:
                for slot in slots:
                    at = name if len(slots) == 1 else f"{name} at {inputs(node)[slot].get('name')!r}"
                    _place(every, graph, canvas, ids, tracer, node, slot, values, at, outcome)
            elif skipping := _skipping(graph, node, carrying_slots(node), tracer):
                outcome.already.append(f"{name}: skips already, because of {label(skipping)}")
            elif why := unplaceable(graph, node, tracer):
                outcome.untouched.append(f"{name}: {why}")
    return outcome


def _place(
    every: list[Graph],
    graph: Graph,
    canvas: Canvas,
    ids: Ids,
    tracer: Tracer,
    node: Node,
    slot: int,
    values: list[str],
    name: str,
    outcome: Outcome,
) -> None:
    """Put FSampler before an input of a node, if it can have it; what was done to ``name`` goes to ``outcome``."""
    skipping = skips_already(graph, node, slot, tracer)
    if skipping:
        outcome.already.append(f"{name}: skips already, because of {label(skipping)}")
        return
    link_id = inputs(node)[slot].get("link")
    source = None if link_id is None else graph.source(link_id)
    if source is None:
        why = "nothing is connected to" if link_id is None else f"the link {link_id} leads nowhere at"
        outcome.untouched.append(f"{name}: {why} its MODEL input")
        return
    added = insert(every, graph, canvas, ids, node, slot, list(values))
    tracer.skips(graph, added)
    start = "the subgraph's input" if source[0] == INPUT else label(graph.nodes[source[0]])
    outcome.changed.append(f"{MODEL_NODE} {added['id']} between {start} and {name}, mode {said(values)}")


def _skipping(graph: Graph, node: Node, slots: list[int], tracer: Tracer) -> Node | None:
    """The FSampler node because of which a node skips already by one of these inputs, or None."""
    found = (skips_already(graph, node, slot, tracer) for slot in slots)
    return next(filter(None, found), None)


def revert(workflow: dict[str, Any]) -> Outcome:
    """Take out what ``convert`` put in, the newest first. Raises ValueError for what is not built as a workflow."""
    every, outcome = graphs(workflow), Outcome()
    marked = [(graph, node) for graph in every for node in graph.form["nodes"] if _is_ours(node)]
    for graph, node in sorted(marked, key=lambda pair: _number(pair[1]), reverse=True):
        name = f"{label(node)}{graph.place}"
        if node["type"] == MODEL_NODE:
            remove(every, graph, node)
            outcome.changed.append(f"{name}: taken out")
        else:
            restore(graph, node)
            outcome.changed.append(f"{name}: {node['type']} again")
    for graph in every:
        graph.settle()
    return outcome


def _is_ours(node: Node) -> bool:
    """Has this node been put in by ``convert``, and is it still of the class it had then?"""
    return is_mark((node.get("properties") or {}).get(MARK), node["type"])


def _number(node: Node) -> int:
    return node["id"] if isinstance(node["id"], int) else 0
