"""FSampler put into a prompt, which is a workflow in API format, and taken out again.

A prompt is ``{node id: {"class_type", "inputs", "_meta"}}``; an input that is connected holds ``[node id, output]``. It
does not tell the types of inputs and outputs, so samplers and their MODEL inputs are known by name (``packs``).
"""

import itertools
from collections.abc import Iterator
from typing import Any

from .behind import Behind
from .known import KSAMPLERS, MARK, MODEL_NODE, MODEL_TITLE, OURS, is_mark, sounds_like_sampler
from .links import Prompt, is_link, kind_of, nodes
from .outcome import Outcome, name_of
from .packs import CARRIED, SAMPLERS, aside
from .widgets import WIDGETS, said


def convert(prompt: Prompt, values: list[str], style: str, update: bool) -> Outcome:
    """Put FSampler before every node that samples, in place.

    ``values`` are those of the widgets mode and custom_mode. With ``style`` "ksampler" the core's KSamplers become
    ours, with "model" they get a FSampler (model) node before them, as all others do with either. With ``update``,
    nodes that were put in before get the values too.
    """
    outcome = Outcome()
    widgets, behind, free = dict(zip(WIDGETS, values, strict=True)), Behind(prompt), _free_numbers(prompt)
    for number, node in list(nodes(prompt)):
        kind, inputs, name = node["class_type"], node["inputs"], label(prompt, number)
        if _mark(node) is not None and update and any(inputs.get(key) != value for key, value in widgets.items()):
            inputs.update(widgets)
            outcome.changed.append(f"{name}: mode {said(values)}")
        elif kind in OURS:
            outcome.already.append(f"{name}: skips already")
        elif kind in SAMPLERS:
            for key in SAMPLERS[kind]:
                source = inputs.get(key)
                at = name if len(SAMPLERS[kind]) == 1 else f"{name} at {key!r}"
                skipping = behind.because(number, source)
                if skipping:
                    outcome.already.append(f"{at}: skips already, because of {label(prompt, skipping)}")
                elif not is_link(source, prompt):
                    outcome.untouched.append(f"{name}: nothing is connected to its input {key!r}")
                elif style == "ksampler" and kind in KSAMPLERS:
                    _replace(node, widgets)
                    outcome.changed.append(f"{name}: now {node['class_type']}, mode {said(values)}")
                else:
                    new, start = next(free), label(prompt, str(source[0]))
                    _insert(prompt, new, inputs, key, widgets)
                    behind.add(new, number)
                    outcome.changed.append(f"{MODEL_NODE} {new} between {start} and {at}, mode {said(values)}")
        elif kind in CARRIED and (skipping := behind.because(number, inputs.get(CARRIED[kind]))):
            outcome.already.append(f"{name}: skips already, because of {label(prompt, skipping)}")
        elif why := aside(kind):
            outcome.untouched.append(f"{name}: {why}")
        elif might_sample(prompt, kind, inputs):
            outcome.untouched.append(f"{name}: not among the samplers whose MODEL input is known by name")
    return outcome


def _replace(node: dict[str, Any], widgets: dict[str, str]) -> None:
    """Make a KSampler of the core ours."""
    kind = node["class_type"]
    mark = {"type": kind} | ({"meta": node["_meta"]} if "_meta" in node else {})
    node["class_type"] = KSAMPLERS[kind][0]
    node["inputs"].update(widgets)
    node["_meta"] = _meta(node) | {MARK: mark}


def _insert(prompt: Prompt, number: str, inputs: dict[str, Any], key: str, widgets: dict[str, str]) -> None:
    """Put a FSampler (model) node with this id before the MODEL input ``key`` of a sampler with these ``inputs``."""
    prompt[number] = {
        "inputs": {"model": inputs[key]} | widgets,
        "class_type": MODEL_NODE,
        "_meta": {"title": MODEL_TITLE, MARK: {}},
    }
    inputs[key] = [number, 0]


def revert(prompt: Prompt) -> Outcome:
    """Take out what ``convert`` put in, in place."""
    outcome, users = Outcome(), _users(prompt)
    for number, node in list(nodes(prompt)):
        mark, name = _mark(node), label(prompt, number)
        if mark is None:
            continue
        if node["class_type"] == MODEL_NODE:
            model = node["inputs"].get("model")
            for inputs, key in users.get(number, []):
                if inputs.get(key) == [number, 0]:
                    inputs[key] = model
                    if is_link(model, prompt):
                        users.setdefault(str(model[0]), []).append((inputs, key))
                elif is_link(inputs.get(key), prompt) and str(inputs[key][0]) == number:
                    del inputs[key]
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


def _users(prompt: Prompt) -> dict[str, list[tuple[dict[str, Any], str]]]:
    """``(inputs, name of the input)`` of all that is connected, by the node it comes from."""
    users: dict[str, list[tuple[dict[str, Any], str]]] = {}
    for _, node in nodes(prompt):
        for key, value in node["inputs"].items():
            if is_link(value, prompt):
                users.setdefault(str(value[0]), []).append((node["inputs"], key))
    return users


def _mark(node: dict[str, Any]) -> dict[str, Any] | None:
    """What ``convert`` wrote on a node it put in, if it is still of that class; else None."""
    mark = _meta(node).get(MARK)
    return mark if is_mark(mark, node["class_type"]) else None


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    return node["_meta"] if isinstance(node.get("_meta"), dict) else {}


def label(prompt: Prompt, number: str) -> str:
    """What to call a node in a message: its class and id, and the title if it says more."""
    kind = kind_of(prompt, number)
    return name_of(kind, number, _meta(prompt[number]).get("title") if kind else None)


def _free_numbers(prompt: Prompt) -> Iterator[str]:
    """New ids, past all that are numbers now."""
    numbers = (int(number) for number in prompt if number.isdecimal() and len(number) < 17)
    return map(str, itertools.count(max(numbers, default=0) + 1))


def might_sample(prompt: Prompt, kind: str, inputs: dict[str, Any]) -> bool:
    """Does an unknown node sound like a sampler? Not if its guider is a known one (SamplerCustomAdvanced)."""
    if not sounds_like_sampler(kind):
        return False
    if not any(is_link(value, prompt) for value in inputs.values()):
        return False
    guider = inputs.get("guider")
    return not (is_link(guider, prompt) and kind_of(prompt, str(guider[0])) in SAMPLERS)
