"""The rehearsal of a SAMPLER (``response.probe``): its function runs once before the run, without the model.

Core's functions and ours are known to be functions of their arguments alone. One of another pack is rehearsed where its
code shows that it leaves nothing behind (``pure``), and with a view of the model, of which nothing can be called or
set. Every other SAMPLER is corrected as a one-step method, and a note says why.
"""

import copy
import functools

import torch
from comfy.model_patcher import create_model_options_clone

from ..fsampler.response import probe, unknown
from .pure import CONSTANTS, Inspection, plain, written_in

KNOWN = ("comfy", __package__.rpartition(".")[0])  # core's samplers and ours


def rehearsal(sampler, model, schedule, dimensions, extra_args):
    """A call that returns what ``response.probe`` does for a SAMPLER; ``model`` is what the SAMPLER would call."""
    solver, options = getattr(sampler, "sampler_function", None), getattr(sampler, "extra_options", {})
    extra_args = {**extra_args, "model_options": create_model_options_clone(extra_args.get("model_options", {}))}
    arguments = {"extra_args": extra_args, "solver_options": options}
    if written_in(plain(solver), KNOWN):
        return functools.partial(probe, solver, schedule, dimensions, model=model, **arguments)
    inspection = Inspection()
    reason = "the SAMPLER has no function of its own" if solver is None else inspection.leaves(solver)
    reason = reason or inspection.keep("option", options)
    if reason:
        return functools.partial(unknown, reason)
    probing = functools.partial(probe, solver, schedule, dimensions, model=View(model), **arguments)
    return functools.partial(_watched, probing, inspection.containers)


def _watched(probing, containers):
    """What ``probing()`` returns, where it leaves the containers as they are; else they are put back, after an error or
    a cancel too."""
    before, changed = copy.deepcopy(containers), []
    try:
        found = probing()
    finally:
        changed += [name for name, value in containers.items() if value != before[name]]
        for name in changed:
            value = containers[name]
            value.clear()
            value.extend(before[name]) if isinstance(value, list) else value.update(before[name])
    return unknown(f"{changed[0]} changes from call to call") if changed else found


class View:
    """A model to look at: its attributes can be read at any depth, and ``isinstance`` sees what it sees of the model.

    Calls and new values are refused with a RuntimeError. Shown as it is: ``model_sampling``, which are functions of
    sigma alone.
    """

    def __init__(self, seen):
        vars(self)["_seen"] = seen

    @property
    def __class__(self):
        return type(vars(self)["_seen"])

    def __getattr__(self, name):
        found = getattr(vars(self)["_seen"], name)
        if name == "model_sampling" or isinstance(found, CONSTANTS):
            return found
        return found.clone() if isinstance(found, torch.Tensor) else View(found)

    def __call__(self, *given, **_named):
        seen = vars(self)["_seen"]
        name = getattr(seen, "__name__", type(seen).__name__)
        if name == "get_model_object" and given == ("model_sampling",):
            return seen(*given)
        raise RuntimeError(f"it calls {name} of the model")

    def __setattr__(self, name, value):
        raise RuntimeError(f"it sets {name} of the model")

    def __delattr__(self, name):
        raise RuntimeError(f"it deletes {name} of the model")
