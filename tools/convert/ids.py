"""New ids for nodes and links, and the counters in which a workflow keeps its highest ones."""


class Ids:
    """Numbers that are free in every graph of a workflow: some frontends renumber ids that two graphs share."""

    def __init__(self, graphs):
        nodes, links = [], []
        for graph in graphs:
            holder, last_node, last_link = graph.counters
            nodes += [*graph.nodes, holder.get(last_node)]
            links += [*graph.links, holder.get(last_link)]
        self.node, self.link = (max(map(_whole, numbers), default=0) for numbers in (nodes, links))

    def take(self):
        self.node, self.link = self.node + 1, self.link + 1
        return self.node, self.link


def _whole(number):
    try:
        return int(number)
    except (TypeError, ValueError):
        return 0


def count(graphs, number, link):
    """Set the counters of these graphs to new ids; what they were."""
    before = []
    for graph in graphs:
        holder, *keys = graph.counters
        before.append([holder.get(key) for key in keys])
        holder.update({key: new for key, new in zip(keys, (number, link), strict=True) if key in holder})
    return before


def uncount(graphs, number, link, before):
    """Undo ``count``, but for counters that have gone on since."""
    for graph, old in zip(graphs, before, strict=False):
        holder, *keys = graph.counters
        for key, new, value in zip(keys, (number, link), old, strict=True):
            if key in holder and holder[key] == new:
                holder[key] = value
