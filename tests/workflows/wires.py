"""How the links of a workflow run: from each column to the next, and round the columns between when they go further.

A link that skips columns runs below them. It turns at two of the page's reroutes, one in the gap after the column that
it leaves and one in the gap before the column that it reaches. All links of one output share the way to the last turn.
"""

GAP = 120  # pixels from a column to the next: the curve of a link bulges by less, see tests/test_workflows.py
BELOW, APART = 60, 18  # from the lowest node between down to a wire ("Nodes 2.0" draws nodes taller); from wire to wire


def routed(links, columns, edges, last_id=0):
    """The reroutes, as a workflow file holds them, and by a link's id the reroute that it ends in.

    ``links`` are the file's six values each, ``columns`` gives the column of a node by its id, ``edges`` the left edge,
    the right edge and the lowest point of every column. The reroutes' ids follow ``last_id``. ValueError if a link does
    not lead to the right.
    """
    reroutes, ends, lanes, first, farthest = [], {}, [], {}, {}
    for _, source, slot, target, *_ in links:
        if columns[target] <= columns[source]:
            raise ValueError(f"node {target} does not stand right of node {source}, which it is linked from")
        farthest[source, slot] = max(farthest.get((source, slot), 0), columns[target])
    for number, source, slot, target, *_ in links:
        start, end = columns[source], columns[target]
        if end == start + 1:
            continue
        key = (source, slot)
        if key not in first:
            between = edges[start + 1 : farthest[key]]
            lane = _free_lane(lanes, start, farthest[key], max(bottom for _, _, bottom in between) + BELOW)
            first[key] = _turn(reroutes, last_id, edges[start][1] + GAP / 2, lane)
        out = first[key]
        out["linkIds"].append(number)
        last = _turn(reroutes, last_id, edges[end][0] - GAP / 2, out["pos"][1], out["id"])
        last["linkIds"].append(number)
        ends[number] = last["id"]
    return reroutes, ends


def _free_lane(lanes, start, end, highest):
    """The first height from ``highest`` down at which no wire runs between these columns; it is taken in ``lanes``."""
    near = [y for first, last, y in lanes if first < end and start < last]
    while any(abs(y - highest) < APART for y in near):
        highest += APART
    lanes.append((start, end, highest))
    return highest


def _turn(reroutes, last_id, x, y, parent=None):
    reroute = {"id": last_id + len(reroutes) + 1, "pos": [x, y], "linkIds": []}
    if parent:
        reroute["parentId"] = parent
    reroutes.append(reroute)
    return reroute
