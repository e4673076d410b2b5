"""A workflow from one description, for both of ComfyUI's forms: the API's here, the page's in ``page_form``.

Nodes are added in the order they run, in groups of columns, which stand from left to right; a node stands right of all
that it is linked from. What inputs a node has, in which order and with which defaults, is read from a server's
``/object_info``.
"""

SLOT, WIDGET, MARGIN = 20, 24, 14  # pixels, as litegraph draws them
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
    """``group``, ``column``, ``note`` and ``add`` describe it, ``api`` writes it."""

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
