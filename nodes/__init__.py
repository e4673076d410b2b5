"""The ComfyUI nodes, and the only place that imports comfy.

Saved graphs hold node IDs and the order of inputs, so neither may ever change.
"""

import logging

import nodes as core

from .compare import FSamplerCompare
from .ksampler import FSamplerKSampler, FSamplerKSamplerAdvanced
from .model import FSamplerModel
from .original import OriginalFSampler, OriginalFSamplerAdvanced, OriginalFSamplerSelect
from .record import FSamplerRecord
from .report import FSamplerReport
from .sampler import FSamplerSampler
from .settings import FSamplerSettings
from .solver import FSamplerSolver

NODES = {
    "FSamplerModel": (FSamplerModel, "FSampler (model)"),
    "FSamplerKSampler": (FSamplerKSampler, "KSampler (FSampler)"),
    "FSamplerKSamplerAdvanced": (FSamplerKSamplerAdvanced, "KSampler Advanced (FSampler)"),
    "FSamplerSampler": (FSamplerSampler, "FSampler Sampler"),
    "FSamplerSolver": (FSamplerSolver, "FSampler Solver"),
    "FSamplerSettings": (FSamplerSettings, "FSampler Settings"),
    "FSamplerReport": (FSamplerReport, "FSampler Report"),
    "FSamplerRecord": (FSamplerRecord, "FSampler Record"),
    "FSamplerCompare": (FSamplerCompare, "FSampler Compare"),
    "FSampler": (OriginalFSampler, "FSampler (original)"),
    "FSamplerAdvanced": (OriginalFSamplerAdvanced, "FSampler Advanced (original)"),
    "FSamplerSelect": (OriginalFSamplerSelect, "FSampler Select (original)"),
}


def unregistered(offered, registered):
    """Those of our nodes whose ID no other pack has taken; one log line names the others."""
    taken = sorted(name for name in offered if name in registered and registered[name] is not offered[name][0])
    if taken:
        logging.getLogger(__name__).info("FSampler: left to another pack that has them already: %s", ", ".join(taken))
    return {name: node for name, node in offered.items() if name not in taken}


_ours = unregistered(NODES, core.NODE_CLASS_MAPPINGS)
NODE_CLASS_MAPPINGS = {name: node for name, (node, _) in _ours.items()}
NODE_DISPLAY_NAME_MAPPINGS = {name: title for name, (_, title) in _ours.items()}
