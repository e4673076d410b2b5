"""One level of a workflow as ComfyUI's page has it: its nodes in their places, their links, and the groups."""

from wires import GAP, routed

TITLE = 30  # pixels, as litegraph draws it
BELOW = 80  # from one node down to the next, a title between them: "Nodes 2.0" draws nodes taller
GROUP_PAD, GROUP_TITLE = 20, 50


class LevelForm:
    """``nodes``, ``links``, ``groups`` and ``reroutes``; ``ends`` has the reroute that a link ends in, by their ids.

    ``borders`` are the ones of a subgraph. The ids of links and reroutes follow ``last_link`` and ``last_reroute``.
    """

    def __init__(self, files, level, borders=(), last_link=0, last_reroute=0):
        self.files, self.links, self.last_link = files, [], last_link
        columns = [column for _, columns in level.groups for column in columns]
        self.groups = _lay_out(level, columns, borders)
        if borders:
            columns = [[borders[0]], *columns, [borders[1]]]
        self.nodes = [self._node(order, node) for order, node in enumerate(level.nodes)]
        for border in borders[1:]:
            self._sockets(border)
        by_id = {node["id"]: node for node in self.nodes}
        for number, source, slot, *_ in self.links:
            if source in by_id:
                output = by_id[source]["outputs"][slot]
                output["links"] = [*(output["links"] or []), number]
        of_node = {node.number: at for at, column in enumerate(columns) for node in column}
        self.reroutes, self.ends = routed(self.links, of_node, [_edges(column) for column in columns], last_reroute)
        lowest = [reroute["pos"][1] + GROUP_PAD for reroute in self.reroutes]
        height = max(lowest + [group["bounding"][3] for group in self.groups])
        for group in self.groups:  # as high as each other, with room for the wires below the nodes
            group["bounding"][3] = height

    def _node(self, order, node):
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
            return form | {"widgets_values": [node.text], "properties": {}, "color": "#432", "bgcolor": "#653"}
        files = [self.files[one.value] for one in node.inputs if one.type == "COMBO" and one.value in self.files]
        if files:
            form["properties"]["models"] = files
        if node.kind.startswith("FSampler"):
            form.update(color="#223", bgcolor="#335")
        form["inputs"] = self._sockets(node)
        for one in node.inputs:
            if one.is_widget:
                form["widgets_values"].append(0 if one.value is None else one.value)
                if one.has_control:
                    form["widgets_values"].append(node.control)
        form["outputs"] = [output | {"links": None} for output in node.outputs]
        return form

    def _sockets(self, node):
        """The inputs of a node, those of widgets last; their links are added to ``links``."""
        sockets = []
        for one in sorted(node.inputs, key=lambda one: one.is_widget):
            socket = {"name": one.name, "type": one.type, "link": None}
            if one.is_widget:
                socket["widget"] = {"name": one.name}
            elif one.optional:
                socket["shape"] = 7
            if one.link:
                source, slot = one.link
                socket["link"] = self.last_link + len(self.links) + 1
                type_ = source.outputs[slot]["type"]
                self.links.append([socket["link"], source.number, slot, node.number, len(sockets), type_])
            sockets.append(socket)
        return sockets


def _edges(column):
    """The left edge, the right edge and the lowest point of a column."""
    left = column[0].pos[0]
    return left, left + column[0].size[0], column[-1].pos[1] + column[-1].size[1]


def _lay_out(level, columns, borders):
    """Give every node its place; the groups in UI form."""
    forms, x = [], 0
    for title, in_group in level.groups:
        left, bottom = x, 0
        x += GROUP_PAD
        for column in in_group:
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
    if borders:  # as far from the first and the last column as these from others
        first, last = borders
        first.pos = [GROUP_PAD - GAP - first.size[0], GROUP_TITLE]
        last.pos = [_edges(columns[-1])[1] + GAP, GROUP_TITLE]
    return forms
