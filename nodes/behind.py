"""Which run is behind a latent: the report of another one is never shown for it."""

import weakref
from collections import deque

from ..fsampler import Note, Report

CONNECT = "no sampler has run with this yet; connect its latent to this node, so that the report waits for it"
ELSEWHERE = "none of the samplers before this latent ran with that FSampler; connect the latent of one that did"
UNKNOWN = "the latent is kept from an earlier run, and it is not known which; change the seed to see a new one"


def no_run(text):
    """The ``Report`` that says why there is none."""
    return Report("(no run)", 0, notes=[Note("no-run", text)])


def run_behind(reports, latent, upstream, prompt):
    """The ``Report`` of the run that made ``latent``, a LATENT, or one that says what to connect.

    upstream: the nodes that the latent comes from, the nearest first; None where that is not known. A sampler does not
    run again while nothing before it changes. Its latent is an earlier run's then: the one that it was shown with
    before, or the only one that this sampler has made.
    """
    tensor = latent["samples"]
    mine = [run for run in reports.made if run.latent is not None and run.latent() is tensor]
    if not mine:
        samplers = {run.node for run in reports.made}
        nearest = None if upstream is None else next((node for node in upstream if node in samplers), None)
        mine = [run for run in reports.made if upstream is None or (nearest is not None and run.node == nearest)]
        now = [run for run in mine if run.prompt == prompt]
        if not mine:
            return no_run(ELSEWHERE if reports.made else CONNECT)
        if not now and len(mine) > 1:
            return no_run(UNKNOWN)
        mine = now or mine
    mine[-1].latent = weakref.ref(tensor)
    return mine[-1].report


def run_so_far(reports, prompt):
    """The ``Report`` where no latent is connected: the run of the node that reports, or the newest of this prompt."""
    found = [run for run in reports.made if run.prompt == prompt or run.node == reports.node]
    return found[-1].report if found else no_run(CONNECT)


def upstream(graph, node, name):
    """The ids of the nodes from which an input of ``node`` comes, the nearest first.

    graph: ComfyUI's DYNPROMPT, with the ids of links as the first of two values.
    """
    found, waiting = {}, deque([graph.get_node(node)["inputs"].get(name)])  # found: a set that keeps its order
    while waiting:
        link = waiting.popleft()
        if isinstance(link, list) and len(link) == 2 and graph.has_node(link[0]) and link[0] not in found:
            found[link[0]] = None
            waiting.extend(graph.get_node(link[0])["inputs"].values())
    return list(found)
