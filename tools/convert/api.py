"""FSampler put into a prompt, which is a workflow in API format, and taken out again.

A prompt is ``{node id: {"class_type", "inputs", "_meta"}}``; an input that is connected holds ``[node id, output]``. It
does not tell the types of inputs and outputs, so samplers and their MODEL inputs are known by name (``known``).
"""

import re
from collections.abc import Iterator
from typing import Any

from .known import KSAMPLERS, MARK, MODEL_NODE, MODEL_TITLE, OURS, SAMPLER_NODES, SAMPLERS, is_mark, sounds_like_sampler
from .outcome import Outcome, name_of
from .widgets import WIDGETS, said

Prompt = dict[str, Any]
# Inputs through which a MODEL or a SAMPLER passes on the way: those of patches and loaders, reroutes, switches.
_PASSING = re.compile(r"(?i)model|sampler|input|any|value|on_true|on_false")


def convert(prompt: Prompt, values: list[str], style: str, update: bool) -> Outcome:
    """Put FSampler before every node that samples, in place.

    ``values`` are those of the widgets mode and custom_mode. With ``style`` "ksampler" the core's KSamplers become
    ours, with "model" they get a FSampler (model) node before them, as all others do with either. With ``update``,
    nodes that were put in before get the values too.
    """
    outcome = Outcome()
    widgets = dict(zip(WIDGETS, values, strict=True))
    for number, node in list(_nodes(prompt)):
        kind, inputs, name = node["class_type"], node["inputs"], _label(prompt, number)
        if _mark(node) is not None and update and any(inputs.get(key) != value for key, value in widgets.items()):
            inputs.update(widgets)
            outcome.changed.append(f"{name}: mode {said(values)}")
        elif kind in OURS:
            outcome.already.append(f"{name}: skips already")
        elif kind in SAMPLERS:
            source = inputs.get(SAMPLERS[kind])
            skipping = _skipping(prompt, number, source)
            if skipping:
                outcome.already.append(f"{name}: skips already, because of {_label(prompt, skipping)}")
            elif not _is_link(prompt, source):
                outcome.untouched.append(f"{name}: nothing is connected to its input {SAMPLERS[kind]!r}")
            elif style == "ksampler" and kind in KSAMPLERS:
                _replace(node, widgets)
                outcome.changed.append(f"{name}: now {node['class_type']}, mode {said(values)}")
            else:
                new, start = _insert(prompt, node, widgets), _label(prompt, str(source[0]))
                outcome.changed.append(f"{MODEL_NODE} {new} between {start} and {name}, mode {said(values)}")
        elif _might_sample(prompt, kind, inputs):
            outcome.untouched.append(f"{name}: not among the samplers whose MODEL input is known by name")
    return outcome


def _replace(node: dict[str, Any], widgets: dict[str, str]) -> None:
    """Make a KSampler of the core ours."""
    kind = node["class_type"]
    mark = {"type": kind} | ({"meta": node["_meta"]} if "_meta" in node else {})
    node["class_type"] = KSAMPLERS[kind][0]
    node["inputs"].update(widgets)
    node["_meta"] = _meta(node) | {MARK: mark}


def _insert(prompt: Prompt, node: dict[str, Any], widgets: dict[str, str]) -> str:
    """Put a FSampler (model) node before the MODEL input of a sampler; the id of the new node."""
    number, key = _free_number(prompt), SAMPLERS[node["class_type"]]
    prompt[number] = {
        "inputs": {"model": node["inputs"][key]} | widgets,
        "class_type": MODEL_NODE,
        "_meta": {"title": MODEL_TITLE, MARK: {}},
    }
    node["inputs"][key] = [number, 0]
    return number


def revert(prompt: Prompt) -> Outcome:
    """Take out what ``convert`` put in, in place."""
    outcome = Outcome()
    for number, node in list(_nodes(prompt)):
        mark, name = _mark(node), _label(prompt, number)
        if mark is None:
            continue
        if node["class_type"] == MODEL_NODE:
            for _, other in _nodes(prompt):
                for key, value in list(other["inputs"].items()):
                    if value == [number, 0]:
                        other["inputs"][key] = node["inputs"].get("model")
                    elif _is_link(prompt, value) and str(value[0]) == number:
                        del other["inputs"][key]
            del prompt[number]
            outcome.changed.append(f"{name}: taken out")
        else:
            node["class_type"] = mark["type"]
            for key in WIDGETS:
                node["inputs"].pop(key, None)
            if "meta" in mark:
                node["_meta"] = mark["meta"]
            else:
                del node["_meta"]
            outcome.changed.append(f"{name}: {node['class_type']} again")
    return outcome


def _nodes(prompt: Prompt) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries of a prompt that are nodes, with their ids."""
    for number, node in prompt.items():
        if isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict):
            yield number, node


def _mark(node: dict[str, Any]) -> dict[str, Any] | None:
    """What ``convert`` wrote on a node it put in, if it is still of that class; else None."""
    mark = _meta(node).get(MARK)
    return mark if is_mark(mark, node["class_type"]) else None


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    return node["_meta"] if isinstance(node.get("_meta"), dict) else {}


def _kind(prompt: Prompt, number: str) -> str:
    """The class of a node, "" if the entry is no node."""
    node = prompt[number]
    kind = node.get("class_type") if isinstance(node, dict) else None
    return kind if isinstance(kind, str) else ""


def _label(prompt: Prompt, number: str) -> str:
    kind = _kind(prompt, number)
    return name_of(kind, number, _meta(prompt[number]).get("title") if kind else None)


def _is_link(prompt: Prompt, value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and str(value[0]) in prompt


def _free_number(prompt: Prompt) -> str:
    return str(max((int(number) for number in prompt if number.isdecimal()), default=0) + 1)


def _before(prompt: Prompt, link: Any) -> list[str]:
    """The ids of the nodes that a MODEL or SAMPLER on this link has passed, the nearest first."""
    todo, seen = [link], list[str]()
    while todo:
        link = todo.pop(0)
        if not _is_link(prompt, link) or str(link[0]) in seen:
            continue
        seen.append(str(link[0]))
        node = prompt[str(link[0])]
        inputs = node.get("inputs") if isinstance(node, dict) else None
        todo += [value for key, value in inputs.items() if _PASSING.search(key)] if isinstance(inputs, dict) else []
    return seen


def _skipping(prompt: Prompt, number: str, source: Any) -> str | None:
    """The id of the FSampler node because of which a sampling node skips already, or None.

    It stands before the MODEL input (``source`` is what that holds), or before the SAMPLER input of the node itself or
    of the one that uses it as its guider.
    """
    users = [node["inputs"] for _, node in _nodes(prompt) if node["inputs"].get("guider") == [number, 0]]
    ways = [(source, {MODEL_NODE})]
    ways += [(inputs.get("sampler"), SAMPLER_NODES) for inputs in (prompt[number]["inputs"], *users)]
    for link, ours in ways:
        for passed in _before(prompt, link):
            if _kind(prompt, passed) in ours:
                return passed
    return None


def _might_sample(prompt: Prompt, kind: str, inputs: dict[str, Any]) -> bool:
    """Does an unknown node sound like a sampler? Not if its guider is a known one (SamplerCustomAdvanced)."""
    if kind.startswith("FSampler") or not sounds_like_sampler(kind):
        return False
    if not any(_is_link(prompt, value) for value in inputs.values()):
        return False
    return not any(_kind(prompt, number) in SAMPLERS for number in _before(prompt, inputs.get("guider"))[:1])
