"""New ids for nodes and links, and the counters in which a workflow keeps its highest ones."""

from collections.abc import Sequence

from .ui import Graph

LARGEST = 2**53  # JavaScript counts no further


class Ids:
    """Numbers that are free in every graph of a workflow: some frontends renumber ids that two graphs share."""

    def __init__(self, graphs: Sequence[Graph]) -> None:
        nodes, links = list[object](), list[object]()
        for graph in graphs:
            holder, last_node, last_link = graph.counters
            nodes += [*graph.nodes, holder.get(last_node)]
            links += [*graph.links, holder.get(last_link)]
        self.node, self.link = (max(map(_whole, numbers), default=0) for numbers in (nodes, links))

    def take(self) -> tuple[int, int]:
        """A new id for a node and one for a link."""
        self.node, self.link = self.node + 1, self.link + 1
        return self.node, self.link


def _whole(number: object) -> int:
    """The number that an id is, 0 for one that is none, or that a page could not count on from."""
    if isinstance(number, str) and number.isdecimal() and len(number) < 17:
        number = int(number)
    return int(number) if isinstance(number, int | float) and 0 < number < LARGEST else 0


def count(graphs: Sequence[Graph], number: int, link: int) -> list[list[int | None]]:
    """Set the counters of these graphs to the ids of a new node and link; return what they were, a pair a graph."""
    before = []
    for graph in graphs:
        holder, *keys = graph.counters
        before.append([holder.get(key) for key in keys])
        holder.update({key: new for key, new in zip(keys, (number, link), strict=True) if key in holder})
    return before


def uncount(graphs: Sequence[Graph], number: int, link: int | None, before: list[list[int | None]]) -> None:
    """Undo ``count``, except for counters that other new nodes or links have moved on since."""
    for graph, old in zip(graphs, before, strict=False):
        holder, *keys = graph.counters
        for key, new, value in zip(keys, (number, link), old, strict=True):
            if key in holder and holder[key] == new:
                holder[key] = value
