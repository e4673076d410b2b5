"""What a file holds: a workflow (UI format) or a prompt (API format), as JSON or inside a PNG that ComfyUI saved."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data import levels
from ..files import read_file
from ..text import cut
from . import png

DEEPEST = 100  # levels; ComfyUI's own files have less than 20
EXPECTED = "a workflow or prompt of ComfyUI (.json), or a PNG that ComfyUI saved"


@dataclass
class File:
    """What was read. ``graph`` is the part of ``data`` to change: all, or the prompt in a body for POST /prompt."""

    name: str  # what errors call it
    data: dict[str, Any]
    graph: dict[str, Any]
    is_ui: bool
    indent: int | None = None  # blanks a level, as the file was indented


def read(path: str | Path, parts: Sequence[str] = ("workflow", "prompt"), expected: str = EXPECTED) -> File:
    """The ``File`` at ``path``; of a PNG, the first of ``parts`` that is in it.

    Raises ValueError that names the file and what was expected.
    """
    name = repr(str(path))
    try:
        data = read_file(path)
    except OSError as error:
        raise ValueError(f"cannot read {name}: {error.strerror}; expected {expected}") from None
    if not data.startswith(png.SIGNATURE):
        return parse(data, name)
    texts = png.texts(data, name)
    for part in parts:
        if part in texts:
            return parse(texts[part].encode("utf-8", "surrogatepass"), f"the {part} in {name}")
    raise ValueError(f"{name} is a PNG without a {' or '.join(parts)} in it; expected one that ComfyUI saved")


def parse(data: bytes, name: str) -> File:
    """The ``File`` in these bytes of JSON; ``name`` is what errors call it. Raises ValueError for what is none."""
    try:
        text = data.decode(json.detect_encoding(data))
        value = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno} column {error.colno}"
        raise ValueError(f"{name} is not JSON: {where}; expected {EXPECTED}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not text: {error.reason} at byte {error.start}; expected {EXPECTED}") from None
    except ValueError:
        raise ValueError(f"{name} holds a number of thousands of digits; expected {EXPECTED}") from None
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply; expected {EXPECTED}") from None
    if levels(value) > DEEPEST:
        raise ValueError(f"{name} is nested too deeply; expected at most {DEEPEST} levels")
    indented = re.match(r"[\[{]\r?\n( +)\S", text)
    indent = len(indented[1]) if indented else None
    if isinstance(value, dict):
        if isinstance(value.get("nodes"), list):
            return File(name, value, value, True, indent)
        if _is_prompt(value):
            return File(name, value, value, False, indent)
        if _is_prompt(value.get("prompt")):
            return File(name, value, value["prompt"], False, indent)
    raise ValueError(
        f"{name} is neither a workflow nor a prompt: it holds {_sort(value)}; expected an object with the list nodes "
        "(a workflow), or with a class_type in each node (a prompt in API format)"
    )


def _sort(value: object) -> str:
    """What a value of JSON is, in a few words."""
    if isinstance(value, dict):
        keys = cut(", ".join(map(repr, list(value)[:6])), 200) + (", ..." if len(value) > 6 else "")
        return f"an object with the keys {keys}" if value else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "null" if value is None else f"{type(value).__name__} {cut(repr(value), 60)}"


def _is_prompt(value: object) -> bool:
    return isinstance(value, dict) and any(isinstance(node, dict) and "class_type" in node for node in value.values())
