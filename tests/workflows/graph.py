"""A workflow from one description, in both of ComfyUI's forms: the UI's and the API's.

Nodes are added in the order they run, in groups of columns, and laid out from left to right; a node stands right of
all that it is linked from. What inputs a node has, in which order and with which defaults, is read from a server's
``/object_info``.
"""

from wires import GAP, routed

TITLE, SLOT, WIDGET, MARGIN = 30, 20, 24, 14  # pixels, as litegraph draws them
BELOW = 80  # from one node down to the next, a title between them: "Nodes 2.0" draws nodes taller
GROUP_PAD, GROUP_TITLE = 20, 50
GROWING = "COMFY_AUTOGROW_V3"  # an input that takes any number of links
PLAIN = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
NOTE_WIDTH = 420


class Node:
    def __init__(self, number, kind, title, inputs, outputs, size):
        self.number, self.kind, self.title = number, kind, title
        self.inputs, self.outputs, self.size, self.pos = inputs, outputs, size, [0, 0]

    def __getitem__(self, name):
        """The output of that name, to be given to another node's input."""
        return (self, [output["name"] for output in self.outputs].index(name))


class Input:
    def __init__(self, name, spec, optional):
        self.name, self.optional = name, optional
        self.options = spec[1] if len(spec) > 1 else {}
        self.type = "COMBO" if isinstance(spec[0], list) else spec[0]
        self.is_widget = self.type in PLAIN and not self.options.get("forceInput")
        self.value = self.options.get("default")

    @property
    def link(self):
        return self.value if isinstance(self.value, tuple) else None

    @property
    def has_control(self):
        """ComfyUI puts a control_after_generate behind such a widget, with a value of its own in the UI form."""
        return self.type == "INT" and (
            self.name in ("seed", "noise_seed") or bool(self.options.get("control_after_generate"))
        )


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
    """``group``, ``column`` and ``add`` describe it; ``ui`` and ``api`` write it."""

    def __init__(self, object_info):
        self.object_info = object_info
        self.nodes, self.groups = [], []  # a group is (title, columns), a column a list of nodes
        self.files = {}  # model files by name, as a node's "models" property has them

    def group(self, title):
        self.groups.append((title, [[]]))

    def column(self):
        self.groups[-1][1].append([])

    def note(self, text, height, width=NOTE_WIDTH):
        return self._place(Node(len(self.nodes) + 1, "MarkdownNote", "Note", [text], [], [width, height]))

    def add(self, kind, title=None, wide=320, room=0, control="fixed", **values):
        """A node; ``room`` is height below its slots and widgets (text, pictures), ``values`` its inputs.

        An input that is not named has its default; ValueError where there is none.
        """
        info = self.object_info[kind]
        inputs = list(_inputs(info["input"], values))
        for one in inputs:
            one.value = values.pop(one.name, one.value)
            if one.value is None and not one.optional:
                raise ValueError(f"{kind} needs {one.name}")
        if values:
            raise ValueError(f"{kind} has no {', '.join(values)}")
        outputs = [
            {"name": name, "type": type_} for name, type_ in zip(info["output_name"], info["output"], strict=True)
        ]
        widgets = sum(1 + one.has_control for one in inputs if one.is_widget)
        sockets = sum(not one.is_widget for one in inputs)
        needed = max(sockets, len(outputs)) * SLOT + widgets * WIDGET + MARGIN
        node = Node(len(self.nodes) + 1, kind, title, inputs, outputs, [wide, needed + room])
        node.control, node.usual_title = control, info["display_name"] or kind
        return self._place(node)

    def _place(self, node):
        self.nodes.append(node)
        self.groups[-1][1][-1].append(node)
        return node

    def api(self):
        """What ``POST /prompt`` takes."""
        form = {}
        for node in self.nodes:
            if node.kind == "MarkdownNote":
                continue
            values = {}
            for one in node.inputs:
                if one.link:
                    values[one.name] = [str(one.link[0].number), one.link[1]]
                elif one.value is not None:
                    values[one.name] = one.value
            title = {"title": node.title or node.usual_title}
            form[str(node.number)] = {"class_type": node.kind, "inputs": values, "_meta": title}
        return form

    def ui(self):
        """What the browser opens and saves."""
        groups = self._lay_out()
        links = []
        nodes = [self._ui_node(order, node, links) for order, node in enumerate(self.nodes)]
        for number, source, slot, *_ in links:
            outputs = nodes[source - 1]["outputs"]
            outputs[slot]["links"] = [*(outputs[slot]["links"] or []), number]
        extra = routed(links, *self._columns())
        lowest = [reroute["pos"][1] + GROUP_PAD for reroute in extra.get("reroutes", ())]
        height = max(lowest + [group["bounding"][3] for group in groups])
        for group in groups:  # as high as each other, with room for the wires below the nodes
            group["bounding"][3] = height
        return {
            "last_node_id": len(nodes),
            "last_link_id": len(links),
            "nodes": nodes,
            "links": links,
            "groups": groups,
            "config": {},
            "extra": extra,
            "version": 0.4,
        }

    def _ui_node(self, order, node, links):
        form = {
            "id": node.number,
            "type": node.kind,
            "pos": node.pos,
            "size": node.size,
            "flags": {},
            "order": order,
            "mode": 0,
            "inputs": [],
            "outputs": [],
            "properties": {"Node name for S&R": node.kind},
            "widgets_values": [],
        }
        if node.title:  # the usual one is left to the browser, in the user's language
            form["title"] = node.title
        if node.kind == "MarkdownNote":
            return form | {"widgets_values": node.inputs, "properties": {}, "color": "#432", "bgcolor": "#653"}
        files = [self.files[one.value] for one in node.inputs if one.type == "COMBO" and one.value in self.files]
        if files:
            form["properties"]["models"] = files
        if node.kind.startswith("FSampler"):
            form.update(color="#223", bgcolor="#335")
        for one in sorted(node.inputs, key=lambda one: one.is_widget):
            socket = {"name": one.name, "type": one.type, "link": None}
            if one.is_widget:
                socket["widget"] = {"name": one.name}
            elif one.optional:
                socket["shape"] = 7
            if one.link:
                source, slot = one.link
                type_ = source.outputs[slot]["type"]
                links.append([len(links) + 1, source.number, slot, node.number, len(form["inputs"]), type_])
                socket["link"] = len(links)
            form["inputs"].append(socket)
        for one in node.inputs:
            if one.is_widget:
                form["widgets_values"].append(one.options.get("default", 0) if one.link else one.value)
                if one.has_control:
                    form["widgets_values"].append(node.control)
        form["outputs"] = [output | {"links": None} for output in node.outputs]
        return form

    def _columns(self):
        """The column of each node by its number, and each column's left edge, right edge and lowest point."""
        columns = [column for _, columns in self.groups for column in columns]
        edges = []
        for column in columns:
            left = column[0].pos[0]
            edges.append((left, left + column[0].size[0], column[-1].pos[1] + column[-1].size[1]))
        return {node.number: i for i, column in enumerate(columns) for node in column}, edges

    def _lay_out(self):
        """Give every node its place; the groups in UI form."""
        forms, x = [], 0
        for title, columns in self.groups:
            left, bottom = x, 0
            x += GROUP_PAD
            for column in columns:
                y = GROUP_TITLE + TITLE
                wide = max(node.size[0] for node in column)
                for node in column:
                    node.pos, node.size[0] = [x, y], wide  # no link between two columns meets a wider node
                    y += node.size[1] + BELOW
                bottom = max(bottom, y - TITLE)
                x += wide + GAP
            x += GROUP_PAD - GAP
            bounding = [left, 0, x - left, bottom]
            forms.append(
                {
                    "id": len(forms) + 1,
                    "title": title,
                    "bounding": bounding,
                    "color": "#3f789e",
                    "font_size": 24,
                    "flags": {},
                }
            )
            x += GAP - 2 * GROUP_PAD
        return forms
