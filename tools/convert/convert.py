"""A workflow in UI format with FSampler in, and without it again. Both change the workflow in place."""

from .ids import Ids
from .insert import insert, remove
from .known import KSAMPLERS, MARK, MODEL_NODE, OURS
from .outcome import Outcome
from .replace import replace, replaceable, restore, set_values
from .samplers import model_slot, skips_already, unplaceable
from .trace import Tracer
from .ui import INPUT, graphs, inputs, label


def convert(workflow, values, style, update):
    """Put FSampler before every node that samples; the ``Outcome``.

    ``values`` are those of the widgets mode and custom_mode, ``style`` is "model" or "ksampler"; with ``update``, nodes
    that were put in before get the values too.
    """
    every = graphs(workflow)
    ids, tracer, outcome = Ids(every), Tracer(every), Outcome()
    for graph in every:
        for node in list(graph.form["nodes"]):
            if node["type"] in tracer.subgraphs:
                continue
            if update and _mark(node) and set_values(node, values):
                outcome.changed.append(f"{label(node)}{graph.place}: mode {said(values)}")
            elif node["type"] in OURS or model_slot(node) is not None or style == "ksampler" and replaceable(node):
                _place(every, graph, ids, tracer, node, values, style, outcome)
            elif why := unplaceable(graph, node, tracer):
                outcome.left.append(f"{label(node)}{graph.place}: {why}")
    return outcome


def _place(every, graph, ids, tracer, node, values, style, outcome):
    slot, name = model_slot(node), f"{label(node)}{graph.place}"
    skipping = skips_already(graph, node, slot, tracer)
    if skipping is node:
        outcome.already.append(f"{name}: skips already")
        return
    if skipping:
        outcome.already.append(f"{name}: skips already, because of {label(skipping)}")
        return
    if style == "ksampler" and replaceable(node):
        replace(graph, node, values)
        outcome.changed.append(f"{name}: now {node['type']}, mode {said(values)}")
        return
    link_id = inputs(node)[slot].get("link")
    source = None if link_id is None else graph.source(link_id)
    if source is None:
        why = "nothing is connected to" if link_id is None else f"the link {link_id} leads nowhere at"
        outcome.left.append(f"{name}: {why} its MODEL input")
        return
    added = insert(every, graph, ids, node, slot, list(values))
    start = "the subgraph's input" if source[0] == INPUT else label(graph.nodes[source[0]])
    outcome.changed.append(f"{MODEL_NODE} {added['id']} between {start} and {name}, mode {said(values)}")


def revert(workflow):
    """Take out what ``convert`` put in, the newest first; the ``Outcome``."""
    every, outcome = graphs(workflow), Outcome()
    marked = [(graph, node) for graph in every for node in graph.form["nodes"] if _mark(node)]
    for graph, node in sorted(marked, key=lambda pair: _number(pair[1]), reverse=True):
        name = f"{label(node)}{graph.place}"
        if node["type"] == MODEL_NODE:
            remove(every, graph, node)
            outcome.changed.append(f"{name}: taken out")
        else:
            restore(graph, node)
            outcome.changed.append(f"{name}: {node['type']} again")
    return outcome


def said(values):
    """The mode that the two widgets say."""
    return values[1] or values[0]


def _mark(node):
    """Has this node been put in by ``convert``, and is it still of that kind?"""
    mark = (node.get("properties") or {}).get(MARK)
    if not isinstance(mark, dict):
        return False
    return node["type"] == MODEL_NODE or KSAMPLERS.get(mark.get("type"), ("",))[0] == node["type"]


def _number(node):
    return node["id"] if isinstance(node["id"], int) else 0
