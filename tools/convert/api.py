"""A prompt (API format) with FSampler in, and without it again. Its nodes have no types, so known names must do."""

import re

from .known import KSAMPLERS, MARK, MODEL_NODE, MODEL_TITLE, OURS, SAMPLER_NODES, SAMPLERS, sounds_like_sampler
from .outcome import Outcome

ADDED = ("mode", "custom_mode")
# Inputs through which a MODEL or a SAMPLER passes on the way: those of patches and loaders, reroutes, switches.
_PASSING = re.compile(r"(?i)model|sampler|input|any|value|on_true|on_false")


def convert(prompt, values, style, update):
    """As ``convert.convert``, for a prompt."""
    outcome = Outcome()
    named = dict(zip(ADDED, values, strict=True))
    said = values[1] or values[0]
    for number, node in list(_nodes(prompt)):
        kind, inputs, name = node["class_type"], node["inputs"], _label(prompt, number)
        if _mark(node) is not None and update and any(inputs.get(key) != value for key, value in named.items()):
            inputs.update(named)
            outcome.changed.append(f"{name}: mode {said}")
        elif kind in OURS:
            outcome.already.append(f"{name}: skips already")
        elif kind in SAMPLERS:
            source = inputs.get(SAMPLERS[kind])
            skipping = _skipping(prompt, number, source)
            if skipping:
                outcome.already.append(f"{name}: skips already, because of {_label(prompt, skipping)}")
            elif not _is_link(prompt, source):
                outcome.left.append(f"{name}: nothing is connected to its input {SAMPLERS[kind]!r}")
            elif style == "ksampler" and kind in KSAMPLERS:
                mark = {"type": kind} | ({"meta": node["_meta"]} if "_meta" in node else {})
                node["class_type"] = KSAMPLERS[kind][0]
                inputs.update(named)
                node["_meta"] = _meta(node) | {MARK: mark}
                outcome.changed.append(f"{name}: now {node['class_type']}, mode {said}")
            else:
                new = _free_number(prompt)
                prompt[new] = {
                    "inputs": {"model": source} | named,
                    "class_type": MODEL_NODE,
                    "_meta": {"title": MODEL_TITLE, MARK: {}},
                }
                inputs[SAMPLERS[kind]] = [new, 0]
                start = _label(prompt, str(source[0]))
                outcome.changed.append(f"{MODEL_NODE} {new} between {start} and {name}, mode {said}")
        elif _might_sample(prompt, kind, inputs):
            outcome.left.append(f"{name}: not among the samplers whose MODEL input is known by name")
    return outcome


def revert(prompt):
    """As ``convert.revert``, for a prompt."""
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
            for key in ADDED:
                node["inputs"].pop(key, None)
            if "meta" in mark:
                node["_meta"] = mark["meta"]
            else:
                del node["_meta"]
            outcome.changed.append(f"{name}: {node['class_type']} again")
    return outcome


def _nodes(prompt):
    for number, node in prompt.items():
        if isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict):
            yield number, node


def _mark(node):
    """What ``convert`` wrote on a node it put in, if it is still of that kind; else None."""
    mark = _meta(node).get(MARK)
    if not isinstance(mark, dict) or not isinstance(mark.get("type", ""), str):
        return None
    ours = node["class_type"] == MODEL_NODE or KSAMPLERS.get(mark.get("type"), ("",))[0] == node["class_type"]
    return mark if ours else None


def _meta(node):
    return node["_meta"] if isinstance(node.get("_meta"), dict) else {}


def _kind(prompt, number):
    """The class of a node, "" for what is none."""
    node = prompt[number]
    kind = node.get("class_type") if isinstance(node, dict) else None
    return kind if isinstance(kind, str) else ""


def _label(prompt, number):
    kind = _kind(prompt, number)
    title = _meta(prompt[number]).get("title") if kind else None
    return f"{kind} {number}" + (f" {title!r}" if title and title != kind else "")


def _is_link(prompt, value):
    return isinstance(value, list) and len(value) == 2 and str(value[0]) in prompt


def _free_number(prompt):
    return str(max((int(number) for number in prompt if number.isdecimal()), default=0) + 1)


def _before(prompt, link):
    """The numbers of the nodes that a MODEL or SAMPLER on this link has passed."""
    todo, seen = [link], []
    while todo:
        link = todo.pop(0)
        if not _is_link(prompt, link) or str(link[0]) in seen:
            continue
        seen.append(str(link[0]))
        node = prompt[str(link[0])]
        inputs = node.get("inputs") if isinstance(node, dict) else None
        todo += [value for key, value in inputs.items() if _PASSING.search(key)] if isinstance(inputs, dict) else []
    return seen


def _skipping(prompt, number, source):
    """The number of the FSampler node because of which a sampling node skips already, or None."""
    users = [node["inputs"] for _, node in _nodes(prompt) if node["inputs"].get("guider") == [number, 0]]
    ways = [(source, {MODEL_NODE})]
    ways += [(inputs.get("sampler"), SAMPLER_NODES) for inputs in (prompt[number]["inputs"], *users)]
    for link, ours in ways:
        for passed in _before(prompt, link):
            if _kind(prompt, passed) in ours:
                return passed
    return None


def _might_sample(prompt, kind, inputs):
    """Does it sound like a sampler, and is it not one whose guider is seen to by itself (SamplerCustomAdvanced)?"""
    if kind.startswith("FSampler") or not sounds_like_sampler(kind):
        return False
    if not any(_is_link(prompt, value) for value in inputs.values()):
        return False
    return not any(_kind(prompt, number) in SAMPLERS for number in _before(prompt, inputs.get("guider"))[:1])
