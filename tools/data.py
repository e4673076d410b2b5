"""JSON from elsewhere, which may be anything: what is not of the expected type counts as empty or not there."""

import json
import sys
from typing import Any

Object = dict[str, Any]


def parse_object(data: bytes | str) -> Object | None:
    """The object that a JSON text holds; None for a broken text and for any other value, and for what Python does not
    take: too many levels, and numbers of thousands of digits.

    >>> parse_object('{"a": 1}'), parse_object('[1]'), parse_object('{"a": ')
    ({'a': 1}, None, None)
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def levels(value: object) -> int:
    """How deeply lists and objects are nested in a value, without recursion.

    >>> levels(5), levels([]), levels({"a": [1]})
    (0, 1, 2)
    """
    depth, layer = 0, [value]
    while layer := [one for one in layer if isinstance(one, dict | list)]:
        depth += 1
        layer = [inner for one in layer for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def as_object(value: object) -> Object:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def objects(value: object) -> list[Object]:
    """The objects in a value that should be a list of them."""
    return [one for one in as_list(value) if isinstance(one, dict)]


def positive(value: object) -> float | None:
    """The value if it is a number above 0 that has an end, else None.

    >>> positive(1.5), positive(0), positive("2"), positive(float("inf"))
    (1.5, None, None, None)
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < sys.float_info.max:
        return None
    return float(value)
