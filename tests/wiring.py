"""What a workflow in UI format says twice must agree: independent of the code that converts workflows."""

FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


def graphs(workflow):
    """``(name, form)`` of the top graph and of every subgraph."""
    return [("", workflow), *((form["id"], form) for form in workflow.get("definitions", {}).get("subgraphs", []))]


def links(form):
    """Id -> link as a dict, whatever form the file has."""
    found = [link if isinstance(link, dict) else dict(zip(FIELDS, link, strict=False)) for link in form["links"]]
    return {link["id"]: link for link in found}


def problems(workflow):
    """What is wrong with ids, links and counters, as a set of lines."""
    found = set()
    for name, form in graphs(workflow):
        found |= {f"{name}: {line}" for line in _problems(form, top=not name)}
    return found


def _problems(form, top):
    table, nodes = links(form), {node["id"]: node for node in form["nodes"]}
    if len(table) != len(form["links"]):
        yield "two links have one id"
    if len(nodes) != len(form["nodes"]):
        yield "two nodes have one id"
    state = form.get("state") or {"lastNodeId": form.get("last_node_id"), "lastLinkId": form.get("last_link_id")}
    if state["lastNodeId"] is not None and state["lastNodeId"] < max(nodes, default=0):
        yield "the last node id is too low"
    if state["lastLinkId"] is not None and state["lastLinkId"] < max(table, default=0):
        yield "the last link id is too low"
    ends, starts = set(), set()
    for node in form["nodes"]:
        for slot, one in enumerate(node.get("inputs") or []):
            if one.get("link") is not None:
                ends.add((one["link"], node["id"], slot))
        for slot, one in enumerate(node.get("outputs") or []):
            starts |= {(number, node["id"], slot) for number in one.get("links") or []}
    if not top:
        for slot, one in enumerate(form["inputs"]):
            starts |= {(number, -10, slot) for number in one.get("linkIds") or []}
        for slot, one in enumerate(form["outputs"]):
            ends |= {(number, -20, slot) for number in one.get("linkIds") or []}
    real_ends = {(number, link["target_id"], link["target_slot"]) for number, link in table.items()}
    real_starts = {(number, link["origin_id"], link["origin_slot"]) for number, link in table.items()}
    yield from (f"no link {end}" for end in (ends - real_ends) | (starts - real_starts))
    for number, link in table.items():
        if (number, link["target_id"], link["target_slot"]) not in ends:
            yield f"link {number} is not named where it ends"
        if (number, link["origin_id"], link["origin_slot"]) not in starts:
            yield f"link {number} is not named where it starts"


def plain(pair):
    return [pair["0"], pair["1"]] if isinstance(pair, dict) else pair


def shape(node):
    """Width and height; a collapsed node is its title, as wide as the text."""
    return (120, 0) if node.get("flags", {}).get("collapsed") else plain(node["size"])


def overlapping(form, node):
    """The ids of nodes that cover part of a node; a title is 30 pixels high, above the position."""

    def box(one):
        pos = plain(one["pos"])
        size = shape(one)
        return pos[0], pos[1] - 30, pos[0] + size[0], pos[1] + size[1]

    left, top, right, bottom = box(node)
    return [
        other["id"]
        for other in form["nodes"]
        if other is not node and (b := box(other)) and b[0] < right and left < b[2] and b[1] < bottom and top < b[3]
    ]


def groups_of(form, node):
    """The indices of the groups that a node belongs to: those that hold its centre."""
    (left, top), (width, height) = plain(node["pos"]), shape(node)
    x, y = left + width / 2, top - 30 + (height + 30) / 2
    boxes = [group["bounding"] for group in form.get("groups", [])]
    return [i for i, b in enumerate(boxes) if b[0] <= x < b[0] + b[2] and b[1] <= y < b[1] + b[3]]
