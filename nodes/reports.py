"""What the runs of one node did, and where: what the nodes pass on as FSAMPLER_REPORT."""

import weakref
from collections import deque
from dataclasses import dataclass

from comfy_execution.utils import get_executing_context

from ..fsampler import Note, Report

KEPT = 16  # runs


def executing():
    """The ids of the prompt and of the node that ComfyUI is at work on; (None, None) outside of it."""
    context = get_executing_context()
    return (None, None) if context is None else (context.prompt_id, context.node_id)


@dataclass
class Run:
    """A ``Report``, the prompt it was made in, the node that sampled, and the latent it was shown with."""

    report: Report
    prompt: str | None
    node: str | None
    latent: weakref.ref | None = None


class Reports:
    """The newest runs of one node, the newest last. ``node``: its id, or the one that is executing."""

    def __init__(self, node=None):
        self.node = executing()[1] if node is None else node
        self.made = deque(maxlen=KEPT)

    @property
    def runs(self):
        """The ``Report`` of each."""
        return [run.report for run in self.made]

    def add(self, report):
        """One more run, of the node that is executing."""
        self.made.append(Run(report, *executing()))

    def overruled(self, mode):
        """A run in which another FSampler node was used in place of this one."""
        note = Note("another-fsampler", "another FSampler node was used: the one after this, or that of the MODEL")
        self.add(Report(mode, 0, notes=[note]))

    def __reduce__(self):
        return Reports, (self.node,)  # a latent's place cannot be written down

    def __deepcopy__(self, _memo):
        """A copied sampler reports to the same place."""
        return self
