"""What nodes and groups in UI format cover, as ``(left, top, width, height)`` in pixels."""

from numbers import Real

TITLE = 30  # a node's title is above its position
COLLAPSED = (160, 0)
UNKNOWN = (0, -TITLE, 270, 262 + TITLE)


def node_box(node):
    """x, y, width and height of a node with its title, or None if the file does not say."""
    pos, size = (_pair(node.get(key)) for key in ("pos", "size"))
    if not pos:
        return None
    width, height = size or UNKNOWN[2:]
    if (node.get("flags") or {}).get("collapsed"):
        width, height = min(width, COLLAPSED[0]), COLLAPSED[1]
    return pos[0], pos[1] - TITLE, width, height + TITLE


def _pair(value):
    """Two numbers, which some files hold as ``{"0": x, "1": y}``."""
    value = [value.get("0"), value.get("1")] if isinstance(value, dict) else value
    good = isinstance(value, list) and len(value) >= 2 and all(isinstance(one, Real) for one in value[:2])
    return value[:2] if good else None


def bounding(thing):
    value = thing.get("bounding") if isinstance(thing, dict) else None
    good = isinstance(value, list) and len(value) == 4 and all(isinstance(one, Real) for one in value)
    return tuple(value) if good else None


def meet(a, b, gap=0):
    return (
        a[0] < b[0] + b[2] + gap and b[0] < a[0] + a[2] + gap and a[1] < b[1] + b[3] + gap and b[1] < a[1] + a[3] + gap
    )


def holds(group, box):
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return group[0] <= x < group[0] + group[2] and group[1] <= y < group[1] + group[3]
