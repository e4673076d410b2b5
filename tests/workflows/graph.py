"""A workflow from one description, for both of ComfyUI's forms: the API's here, the page's in ``page_form``.

Nodes are added in the order they run, in groups of columns, which stand from left to right; a node stands right of all
that it is linked from. What inputs a node has, in which order and with which defaults, is read from a server's
``/object_info``. Every workflow has one subgraph:

    with graph.subgraph("Model, prompt, size") as inside:
        graph.group("Model")
        ...
        positive = inside.output("positive", said["CONDITIONING"])

What stands outside it: notes, every FSampler node, because of its mode and what it shows of a run, what goes in and
comes out (pictures, the seed, the saved result), and what runs after a sampler that stands outside. The model that goes
into FSampler (model) stands before it, outside as well. All else is inside, and what people change there is
``Promoted``.
"""

from contextlib import contextmanager

from node import Input, Node
from subgraph import Level, Promoted, Subgraph

GROWING = "COMFY_AUTOGROW_V3"  # an input that takes any number of links
NOTE_WIDTH = 420


def _inputs(sections, values):
    """The inputs of a node that is given ``values``, which names those of a growing one."""
    for section in ("required", "optional"):
        for name, (type_, *options) in sections.get(section, {}).items():
            options = options[0] if options else {}
            if type_ == GROWING:
                (of_one,) = (spec for part in options["template"]["input"].values() for spec in part.values())
                for given in values:
                    if given.startswith(f"{name}."):
                        yield Input(given, of_one, True)
                continue
            yield Input(name, (type_, options), section == "optional")


class Graph:
    """``group``, ``column``, ``note``, ``subgraph`` and ``add`` describe it, ``api`` writes it."""

    def __init__(self, object_info):
        self.object_info = object_info
        self.outer, self.inner = Level(), None
        self._level, self._count = self.outer, 0
        self.files = {}  # model files by name, as a node's "models" property has them

    def group(self, title):
        self._level.groups.append((title, [[]]))

    def column(self):
        self._level.groups[-1][1].append([])

    def note(self, text, height, width=NOTE_WIDTH):
        note = Node(self._number(), "MarkdownNote", "Note", size=(width, height))
        note.text = text
        return self._level.place(note)

    @contextmanager
    def subgraph(self, name, wide=400):
        """What is added in the block is inside; nodes outside are linked through its ``input`` and ``output``."""
        inside = self.inner = Subgraph(self._number(), name, wide)
        self.outer.place(inside.node)
        self._level = inside
        yield inside
        self._level = self.outer
        inside.close()

    def add(self, kind, title=None, wide=320, room=0, control="fixed", **values):
        """A node; ``room`` is height below its slots and widgets (text, pictures), ``values`` its inputs.

        An input that is not named has its default; ValueError where there is none.
        """
        info, inner = self.object_info[kind], self._level is self.inner
        inputs = list(_inputs(info["input"], values))
        for one in inputs:
            given = values.pop(one.name, one.value)
            if given is None and not one.optional:
                raise ValueError(f"{kind} needs {one.name}")
            if isinstance(given, Promoted):
                self.inner.promote(one, given, room)
            elif isinstance(given, tuple):
                one.link = given
                if given[0] not in (self._level.nodes + [self.inner.start] if inner else self._level.nodes):
                    raise ValueError(f"{one.name} of {kind} crosses the border of the subgraph")
            else:
                one.value = given
        if values:
            raise ValueError(f"{kind} has no {', '.join(values)}")
        outputs = [
            {"name": name, "type": type_} for name, type_ in zip(info["output_name"], info["output"], strict=True)
        ]
        number = self._number()
        address = f"{self.inner.node.number}:{number}" if inner else str(number)
        node = Node(number, kind, title, inputs, outputs, (wide, 0), address)
        node.size[1] = node.height + room
        node.control, node.usual_title = control, info["display_name"] or kind
        return self._level.place(node)

    def _number(self):
        """A number for a node: none is in both levels."""
        self._count += 1
        return self._count

    def _through(self, link):
        """The real output behind a link, which borders pass on; None at a promoted widget."""
        while link:
            node, slot = link
            if node is self.inner.node:
                link = self.inner.end.inputs[slot].link
            elif node is self.inner.start:
                link = self.inner.node.inputs[slot].link
            else:
                break
        return link

    def api(self):
        """What ``POST /prompt`` takes: what the page makes of the workflow."""
        form = {}
        nodes = {node.number: node for level in (self.outer, self.inner) for node in level.nodes}
        for _, node in sorted(nodes.items()):
            if node.kind == "MarkdownNote" or node is self.inner.node:
                continue
            values = {}
            for one in node.inputs:
                if source := self._through(one.link):
                    values[one.name] = [source[0].address, source[1]]
                elif one.value is not None:
                    values[one.name] = one.value
            title = {"title": node.title or node.usual_title}
            form[node.address] = {"class_type": node.kind, "inputs": values, "_meta": title}
        return form
