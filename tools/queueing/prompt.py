"""The prompt to queue: read from FILE, and changed as ``--set`` and a seed say."""

import json
from pathlib import Path
from typing import Any

from ..convert.links import Prompt
from ..convert.read import read
from ..data import as_object

SEEDS = ("seed", "noise_seed")
EXPORT = (
    "is a workflow in UI format, which servers do not take; expected API format: open it in ComfyUI and choose "
    "Workflow > Export (API)"
)


def read_prompt(path: str | Path) -> Prompt:
    """The prompt in a file (JSON, or a PNG that ComfyUI saved). Raises ValueError that says what to do instead."""
    file = read(path, parts=("prompt",), expected="a prompt of ComfyUI in API format")
    if file.is_ui:
        raise ValueError(f"{file.name} {EXPORT}")
    for number, node in file.graph.items():
        whole = isinstance(node, dict) and isinstance(node.get("class_type"), str)
        if not whole or not isinstance(node.get("inputs"), dict):
            raise ValueError(f"node {number!r} of {file.name} is {str(node)[:60]!r}; expected class_type and inputs")
    return file.graph


def title(prompt: Prompt, number: object) -> str:
    """What the user calls a node: its title, else its class; "?" for a node that is not there."""
    node = prompt.get(str(number)) or {}
    return str(as_object(node.get("_meta")).get("title") or node.get("class_type", "?"))


def seeds_in(prompt: Prompt) -> list[tuple[str, str]]:
    """``(node id, input)`` of every seed that is a number, and not connected to another node."""
    return [
        (number, key)
        for number, node in prompt.items()
        for key in SEEDS
        if isinstance(node["inputs"].get(key), int) and not isinstance(node["inputs"][key], bool)
    ]


def set_value(prompt: Prompt, text: str) -> None:
    """Carry out one ``NODE.INPUT=VALUE``, in place; NODE is an id or a title. Raises ValueError if it cannot be."""
    place, equals, value = text.partition("=")
    if not equals or "." not in place:
        raise ValueError(f"--set {text!r}; expected NODE.INPUT=VALUE, NODE an id or a title")
    ways = [dot for dot, letter in enumerate(place) if letter == "."]
    found = [(place[:dot], place[dot + 1 :]) for dot in ways if _numbers(prompt, place[:dot])]
    if not found:
        raise ValueError(f"--set {text!r}: no node has the id or title {place.rpartition('.')[0]!r}")
    name, key = next((way for way in found if way[1] in prompt[_numbers(prompt, way[0])[0]]["inputs"]), found[-1])
    numbers = _numbers(prompt, name)
    if len(numbers) > 1:
        raise ValueError(f"--set {text!r}: {name!r} is the title of nodes {', '.join(numbers)}; expected an id")
    inputs = prompt[numbers[0]]["inputs"]
    if key not in inputs:
        raise ValueError(f"--set {text!r}: node {name!r} has no input {key!r}; expected one of {', '.join(inputs)}")
    inputs[key] = _as(inputs[key], value, text)


def _numbers(prompt: Prompt, name: str) -> list[str]:
    """The ids of the nodes with this id, or else with this title."""
    return [name] if name in prompt else [number for number in prompt if title(prompt, number) == name]


def _as(old: object, value: str, text: str) -> Any:
    """The value with the type of what was there before: text stays text, a number must be one.

    Raises ValueError, which quotes ``text``, the whole of ``--set``.
    """
    if isinstance(old, list):
        raise ValueError(f"--set {text!r}: this input is connected to node {old[0] if old else '?'}; expected a value")
    if isinstance(old, str):
        return value
    try:
        new = json.loads(value)
    except json.JSONDecodeError:
        new = value
    number = (int, float)
    alike = isinstance(new, bool) if isinstance(old, bool) else isinstance(new, number) and not isinstance(new, bool)
    if isinstance(old, number) and not alike:
        wanted = "true or false" if isinstance(old, bool) else "a number"
        raise ValueError(f"--set {text!r}: {value!r}; expected {wanted}")
    return new
