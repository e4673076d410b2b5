"""The subgraph of a workflow: a node outside, and inside it nodes between two borders, its inputs and its outputs.

A widget inside is promoted by a link from the first border: the node outside then has that widget, under another name.
"""

import uuid

from node import Input, Node

START, END = -10, -20  # the numbers of the borders, in every subgraph
ORDER = ("prompt", "negative prompt", "width", "height", "length", "steps", "cfg", "guidance")  # of promoted widgets
NAMES = uuid.UUID("6f1d2f2c-3c0b-5b0e-9a53-0c9e1f3a6a42")  # subgraph ids are made of names, within this


class Promoted:
    """The value of a widget inside, and its name outside. Widgets of one name are one outside."""

    def __init__(self, name, value):
        self.name, self.value = name, value


class Level:
    """Nodes in groups of columns: those of a workflow itself, or those inside its subgraph."""

    def __init__(self):
        self.nodes, self.groups = [], []  # a group is (title, columns), a column a list of nodes

    def place(self, node):
        self.nodes.append(node)
        self.groups[-1][1][-1].append(node)
        return node


class Subgraph(Level):
    """``node`` stands outside; ``start`` and ``end`` are the borders: slot for slot, the node's inputs and outputs."""

    def __init__(self, number, name, wide):
        super().__init__()
        self.name, self.id = name, str(uuid.uuid5(NAMES, name))
        self.node = Node(number, self.id, size=(wide, 0))
        self.start, self.end = Node(START, "start"), Node(END, "end")

    def input(self, name, link):
        """What an output outside gives, for the nodes inside."""
        source, slot = link
        return self._enter(Input(name, (source.outputs[slot]["type"], {"forceInput": True})), link)

    def output(self, name, link):
        """What an output inside gives, for the nodes outside."""
        source, slot = link
        one = Input(name, (source.outputs[slot]["type"], {"forceInput": True}))
        one.link = link
        self.end.inputs.append(one)
        self.node.outputs.append({"name": name, "type": one.type})
        return self.node[name]

    def promote(self, one, promoted, room):
        """Link a widget inside from the border. ``room`` is the height that its text has."""
        one.value = promoted.value
        if promoted.name not in (output["name"] for output in self.start.outputs):
            outside = Input(promoted.name, (one.type,))
            outside.value = promoted.value
            self._enter(outside, None)
            self.node.size[1] += room if one.type == "STRING" else 0
        one.link = self.start[promoted.name]

    def close(self):
        """Bring the widgets outside into their order, and give the node its height."""
        by_rank = sorted(range(len(self.node.inputs)), key=lambda slot: self._rank(self.node.inputs[slot]))
        self.node.inputs, self.start.outputs = (
            [slots[slot] for slot in by_rank] for slots in (self.node.inputs, self.start.outputs)
        )
        for one in (one for node in self.nodes for one in node.inputs):
            if one.link and one.link[0] is self.start:
                one.link = (self.start, by_rank.index(one.link[1]))
        self.node.size[1] += self.node.height

    def _rank(self, one):
        return ORDER.index(one.name) + 1 if one.is_widget else 0

    def _enter(self, one, link):
        one.link = link
        self.node.inputs.append(one)
        self.start.outputs.append({"name": one.name, "type": one.type})
        return self.start[one.name]
