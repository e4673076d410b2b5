"""The nodes of a prompt (API format), and what is connected in it: an input that is holds ``[node id, output]``."""

from collections.abc import Iterator
from typing import Any, TypeGuard

Prompt = dict[str, Any]


def nodes(prompt: Prompt) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries of a prompt that are nodes, with their ids."""
    for number, node in prompt.items():
        if isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict):
            yield number, node


def kind_of(prompt: Prompt, number: str) -> str:
    """The class of a node, "" if the entry is no node."""
    node = prompt[number]
    kind = node.get("class_type") if isinstance(node, dict) else None
    return kind if isinstance(kind, str) else ""


def is_link(value: object, prompt: Prompt) -> TypeGuard[list[Any]]:
    """Is this value of an input a connection to a node that is there?"""
    return isinstance(value, list) and len(value) == 2 and str(value[0]) in prompt
