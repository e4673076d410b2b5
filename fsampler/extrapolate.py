"""Polynomial extrapolation through the newest REAL values, as weights on them.

The paper's predictors (arXiv 2511.09180, section 3) are this one formula at the nodes 0, 1, 2, ...:
h2 = ``2 r[n] - r[n-1]``, h3 = ``3 r[n] - 3 r[n-1] + r[n-2]``, h4 = ``4 r[n] - 6 r[n-1] + 4 r[n-2] - r[n-3]``.
"""

from .history import Entry

MIN_ORDER, MAX_ORDER = 2, 4


def lagrange_weights(nodes, at):
    """Weights ``w`` with ``sum(w[i] * f(nodes[i])) == f(at)`` for every polynomial f of degree below ``len(nodes)``.

    ``at`` may be a float or a 0-d tensor (then the weights stay on its device). Raises ValueError on coinciding nodes.
    """
    if len(set(nodes)) != len(nodes):
        raise ValueError(f"nodes {list(nodes)} coincide; expected distinct values")
    weights = []
    for i, node in enumerate(nodes):
        weight = 1.0
        for j, other in enumerate(nodes):
            if j != i:
                weight = weight * ((at - other) / (node - other))
        weights.append(weight)
    return weights


def usable_order(order, entries):
    """The fallback ladder h4 -> h3 -> h2: the highest order up to ``order`` that ``entries`` values allow, or None."""
    best = min(order, entries)
    return best if best >= MIN_ORDER else None


def newest(entries: list[Entry], order, nodes, sigma):
    """The values that take part and their weights at ``sigma``; ``nodes`` is "sigma" or "index" (the paper's)."""
    used = entries[-order:]
    if nodes == "index":
        return used, lagrange_weights([float(i) for i in range(order)], float(order))
    return used, lagrange_weights([entry.sigma for entry in used], sigma)
