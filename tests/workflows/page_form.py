"""The form of a graph that ComfyUI's page opens: every node in its place, and the links round the nodes."""

from wires import GAP, routed

TITLE = 30  # pixels, as litegraph draws it
BELOW = 80  # from one node down to the next, a title between them: "Nodes 2.0" draws nodes taller
GROUP_PAD, GROUP_TITLE = 20, 50


def page_form(graph):
    """What the page opens and saves, of a ``Graph``."""
    groups = _lay_out(graph)
    links = []
    nodes = [_node(graph.files, order, node, links) for order, node in enumerate(graph.nodes)]
    for number, source, slot, *_ in links:
        outputs = nodes[source - 1]["outputs"]
        outputs[slot]["links"] = [*(outputs[slot]["links"] or []), number]
    extra = routed(links, *_columns(graph))
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


def _node(known_files, order, node, links):
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
    files = [known_files[one.value] for one in node.inputs if one.type == "COMBO" and one.value in known_files]
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


def _columns(graph):
    """The column of each node by its number, and each column's left edge, right edge and lowest point."""
    columns = [column for _, columns in graph.groups for column in columns]
    edges = []
    for column in columns:
        left = column[0].pos[0]
        edges.append((left, left + column[0].size[0], column[-1].pos[1] + column[-1].size[1]))
    return {node.number: i for i, column in enumerate(columns) for node in column}, edges


def _lay_out(graph):
    """Give every node its place; the groups in UI form."""
    forms, x = [], 0
    for title, columns in graph.groups:
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
