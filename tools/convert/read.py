"""What a file holds: a workflow (UI format) or a prompt (API format), as JSON or inside a PNG that ComfyUI saved."""

import json
import re
from dataclasses import dataclass

from . import png

EXPECTED = "a workflow or prompt of ComfyUI (.json), or a PNG that ComfyUI saved"


@dataclass
class File:
    """``graph`` is the part of ``data`` to change: all of it, or the prompt in a body for POST /prompt."""

    data: dict
    graph: dict
    is_ui: bool
    indent: int | None = None  # as the file was indented


def read(path):
    """The ``File`` at ``path``. Raises ValueError that names it and what was expected."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise ValueError(f"cannot read {str(path)!r}: {error.strerror}; expected {EXPECTED}") from None
    if not data.startswith(png.SIGNATURE):
        return parse(data, repr(str(path)))
    texts = png.texts(data, repr(str(path)))
    for name in ("workflow", "prompt"):
        if name in texts:
            return parse(texts[name].encode(), f"the {name} in {str(path)!r}")
    raise ValueError(f"{str(path)!r} is a PNG without a workflow or prompt in it; expected one that ComfyUI saved")


def parse(data, name):
    """The ``File`` in these bytes of JSON; ``name`` is what errors call it."""
    try:
        text = data.decode(json.detect_encoding(data))
        value = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno} column {error.colno}"
        raise ValueError(f"{name} is not JSON: {where}; expected {EXPECTED}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not text: {error.reason} at byte {error.start}; expected {EXPECTED}") from None
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply; expected {EXPECTED}") from None
    indented = re.match(r"[\[{]\r?\n( +)\S", text)
    indent = len(indented[1]) if indented else None
    if isinstance(value, dict):
        if isinstance(value.get("nodes"), list):
            return File(value, value, True, indent)
        if _is_prompt(value):
            return File(value, value, False, indent)
        if _is_prompt(value.get("prompt")):
            return File(value, value["prompt"], False, indent)
    raise ValueError(f"{name} is neither a workflow (nodes, links) nor a prompt (class_type, inputs)")


def _is_prompt(value):
    return isinstance(value, dict) and any(isinstance(node, dict) and "class_type" in node for node in value.values())
