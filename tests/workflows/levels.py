"""What is in an example's file, as the page reads it: the two levels, what is promoted, what widgets hold.

Independent of the code that writes these files.
"""

START, END = -10, -20  # the borders of a subgraph
CONTROL = ("fixed", "randomize", "increment", "decrement")
FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


def subgraph(workflow):
    (one,) = workflow["definitions"]["subgraphs"]
    return one


def instance(workflow):
    """The node that is the subgraph outside."""
    (node,) = (node for node in workflow["nodes"] if node["type"] == subgraph(workflow)["id"])
    return node


def levels(workflow):
    """The workflow and its subgraph: links as six values, reroutes and what reroute a link ends in by their ids."""
    inner, extra = subgraph(workflow), workflow["extra"]
    yield workflow | {
        "reroutes": {one["id"]: one for one in extra.get("reroutes", ())},
        "ends": {one["id"]: one["parentId"] for one in extra.get("linkExtensions", ())},
        "borders": {},
    }
    yield inner | {
        "links": [[link[field] for field in FIELDS] for link in inner["links"]],
        "reroutes": {one["id"]: one for one in inner["reroutes"]},
        "ends": {link["id"]: link["parentId"] for link in inner["links"] if "parentId" in link},
        "borders": {START: inner["inputNode"]["bounding"], END: inner["outputNode"]["bounding"]},
    }


def values(node):
    """Widget values by name, read from the positional list as the browser does it."""
    given = iter(node["widgets_values"])
    found = {}
    for one in node["inputs"]:
        if "widget" in one:
            found[one["name"]] = next(given)
            if one["name"] in ("seed", "noise_seed") or node["type"] == "PrimitiveInt":
                assert next(given) in CONTROL
    assert not list(given)
    return found


def promoted(workflow):
    """By name outside: node, name inside and value of each widget that a subgraph shows on its outside."""
    inner = subgraph(workflow)
    nodes, links = {node["id"]: node for node in inner["nodes"]}, {link["id"]: link for link in inner["links"]}
    found = {}
    for slot in inner["inputs"]:
        for link in map(links.get, slot["linkIds"]):
            node = nodes[link["target_id"]]
            if "widget" in (one := node["inputs"][link["target_slot"]]):
                found.setdefault(slot["name"], []).append((node["id"], one["name"], values(node)[one["name"]]))
    return found
