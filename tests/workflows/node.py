"""A node of a workflow's description, and one of its inputs."""

SLOT, WIDGET, MARGIN = 20, 24, 14  # pixels, as litegraph draws them
PLAIN = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


class Node:
    """``address`` is its id in the API form, ``number`` that in the graph that it stands in."""

    def __init__(self, number, kind, title=None, inputs=(), outputs=(), size=(0, 0), address=None):
        self.number, self.kind, self.title, self.address = number, kind, title, address or str(number)
        self.inputs, self.outputs, self.size, self.pos = list(inputs), list(outputs), list(size), [0, 0]

    def __getitem__(self, name):
        """The output of that name, to be given to another node's input."""
        return (self, [output["name"] for output in self.outputs].index(name))

    @property
    def height(self):
        """That of its slots and widgets."""
        widgets = sum(1 + one.has_control for one in self.inputs if one.is_widget)
        sockets = sum(not one.is_widget for one in self.inputs)
        return max(sockets, len(self.outputs)) * SLOT + widgets * WIDGET + MARGIN


class Input:
    """``link`` is the output that it is linked from, ``value`` what its widget holds."""

    def __init__(self, name, spec, optional=False):
        self.name, self.optional = name, optional
        self.options = spec[1] if len(spec) > 1 else {}
        self.type = "COMBO" if isinstance(spec[0], list) else spec[0]
        self.is_widget = self.type in PLAIN and not self.options.get("forceInput")
        self.value, self.link = self.options.get("default"), None

    @property
    def has_control(self):
        """ComfyUI puts a control_after_generate behind such a widget, with a value of its own in the UI form."""
        return self.type == "INT" and (
            self.name in ("seed", "noise_seed") or bool(self.options.get("control_after_generate"))
        )
