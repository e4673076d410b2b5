"""The one place where sampling in ComfyUI meets the engine: the sampler gets the guider with skipping in front of it.

ComfyUI samplers call the guider (CFG and the rest) through the inpainting blend. A proxy that stands for the guider
sees every such call, whatever the guider, the sampler node or the sampler, and leaves the sampler's own code alone.
"""

import contextlib
import logging

import comfy.model_management
import torch
from comfy.model_sampling import CONST
from comfy.patcher_extension import WrappersMP
from comfy.samplers import KSamplerX0Inpaint

from ..fsampler import FullRun, Note, begin
from . import progress
from .caches import why_beside_a_cache
from .changes import guidance, model_changes
from .guided import Guided
from .memory import Memory
from .parts import parts_of
from .refusals import why_in_full, why_wrapped_in_full
from .rehearsal import rehearsal
from .setting import setting_of
from .stretch import stretch

logger = logging.getLogger(__name__)
KEY = "fsampler"


def held(proxy, holder, name):
    """What a proxy stands for. While copy or pickle are at work on it that is not there yet: AttributeError."""
    if holder not in vars(proxy):
        raise AttributeError(f"{type(proxy).__name__} has no attribute {name!r} yet")
    return vars(proxy)[holder]


class StandIn:
    """Stands for the model that a sampler calls; everything but the call itself is the model's, to read and to set.

    The run begins with the first call, because only that shows what the sampler has added to the model options:
    ``start(x, model_options)`` makes it. ``guider``: whose guidance the model's answers depend on, or None.
    ``reports``: of the node that skips; ``overruled``: mode and ``Reports`` of those that this one is used in place of.
    """

    def __init__(self, model, guider, start, reports, overruled=()):
        vars(self).update(_model=model, _guider=guider, _start=start, _reports=reports, _overruled=[*overruled])
        vars(self).update(_run=None, _memory=None, _aside=False, _guidance=guidance(guider))

    def __call__(self, x, sigma, **extra):
        if self._aside:
            return self._model(x, sigma, **extra)
        comfy.model_management.throw_exception_if_processing_interrupted()  # a SKIP reaches no other check
        if self._run is None:
            options = extra.get("model_options") or {}
            vars(self)["_run"] = self._start(x, options)
            if not isinstance(self._run, FullRun):
                vars(self)["_memory"] = Memory(self._guider, options, self._model)
        remembers = self._memory and self._memory.found()
        if remembers:
            self._run.in_full(Note("guidance-memory", f"{remembers} keeps a memory from call to call"))
        now = guidance(self._guider)
        if now != self._guidance:
            vars(self)["_guidance"] = now
            self._run.forget()
        answer = self._run(x, sigma, **extra)
        progress.show(self._reports.node, self._run.progress())
        return answer

    def overrules(self, mode, reports):
        """Another node would have skipped in this run, too."""
        self._overruled.append((mode, reports))

    def gives_way(self, reports):
        """Leaves skipping to a stand-in further out, if that is of the same node and nothing was asked here yet."""
        vars(self)["_aside"] = self._reports is reports and self._run is None
        return self._aside

    @property
    def __class__(self):
        """For isinstance: samplers ask whether this is a CFGGuider."""
        return type(held(self, "_model", "__class__"))

    def __getattr__(self, name):
        return getattr(held(self, "_model", name), name)

    def __setattr__(self, name, value):
        setattr(self._model, name, value)

    def __delattr__(self, name):
        delattr(self._model, name)


class Guider(StandIn):
    """Stands for the guider in front of a sampler."""

    def __init__(self, guider, start, reports, overruled=()):
        super().__init__(guider, guider, start, reports, overruled)

    def __call__(self, x, timestep, model_options=None, seed=None):
        options = {} if model_options is None else model_options
        return super().__call__(x, timestep, model_options=options, seed=seed)


def stand_in(model):
    """The stand-in behind a model, if a skipping run is under way; None if not."""
    return next((one for one in _chain(model) if isinstance(one, StandIn)), None)


def guider_of(model):
    """The guider behind the model that a sampler calls; None where a wrapping node hides it."""
    one = next((one for one in _chain(model) if hasattr(getattr(one, "inner_model", None), "model_sampling")), None)
    return vars(one)["_model"] if isinstance(one, StandIn) else one


def _chain(model):
    """The model and those inside it: a wrapping node's, the inpainting blend's, the guider, the BaseModel."""
    while model is not None:
        yield model
        model = getattr(model, "inner_model", None)


@contextlib.contextmanager
def skipping(guider, sampler, sigmas, extra_args, config, reports, model=None, overruled=()):
    """The stand-in to give to ``sampler``; on leaving, the run is reported and nothing of it stays.

    config: a ``Config``, or a function of the number of steps that makes one. model: what the sampler calls where that
    is not the guider itself; a wrapping node's function. guider may be None then: the run is in full. overruled: mode
    and ``Reports`` of nodes before this one.

    An error or a cancel passes through, without a report.
    """
    asked = guider if model is None else model
    sampler = getattr(sampler, "without_skipping", sampler)
    given = sigmas.detach().to("cpu", copy=True)  # uni_pc overwrites its last sigma
    schedule = torch.tensor(stretch(sampler, given.tolist()), dtype=given.dtype)
    base_options = extra_args.get("model_options", {})  # CFG++ samplers put others in their place

    def start(x, options):
        made = config(len(schedule) - 1) if callable(config) else config
        reason = why_in_full(sampler, schedule, base_options, options) or why_beside_a_cache(guider)
        if model is not None and not reason:
            reason = why_wrapped_in_full(guider, made, schedule)
        if reason:
            return FullRun(asked, schedule, made.mode, None if made.mode == "off" else reason)
        flow = isinstance(guider.inner_model.model_sampling, CONST)
        changes = model_changes(guider, options, schedule.tolist())
        behind = KSamplerX0Inpaint(guider, schedule) if model is None else model
        probing = None  # it would run over all that is given
        if len(schedule) == len(given):
            probing = rehearsal(sampler, behind, schedule, x.ndim, {**extra_args, "model_options": base_options})
        called = Guided(guider) if model is None and made.guided else asked
        setting = setting_of(sampler, guider, x)
        parts, unknown = parts_of(guider, x)
        run = begin(called, schedule, made, probing, flow=flow, changes=changes, setting=setting, parts=parts)
        if unknown and type(run) is not FullRun:  # a RecordedRun is one that judges, too
            run.report.notes.append(unknown)
        return run

    called = (guider,) if model is None else (model, guider)
    proxy = (Guider if model is None else StandIn)(*called, start, reports, overruled)
    try:
        yield proxy
        run = vars(proxy)["_run"]
        if run is not None:
            _report(run.finish(), reports, vars(proxy)["_overruled"])
    finally:
        vars(proxy).update(_run=None, _start=None, _memory=None)


def _report(report, reports, overruled):
    """Keep, show and log the report; the nodes that this one was used in place of learn of it."""
    if overruled:
        report.notes.append(Note("another-fsampler", "another FSampler node in this chain is not used"))
    for mode, others in overruled:
        others.overruled(mode)
    reports.add(report)
    progress.show(reports.node, report.outcome())
    logger.info(report.line())


class SamplerWrapper:
    """A SAMPLER_SAMPLE wrapper: skips in whatever sampler the model is given to.

    overruled: mode and ``Reports`` of the wrappers whose place it has taken.
    """

    def __init__(self, config, reports, overruled=()):
        self.config, self.reports, self.overruled = config, reports, overruled

    def __call__(self, executor, guider, sigmas, extra_args, *rest, **named):
        given = (guider, executor.class_obj, sigmas, extra_args, self.config, self.reports)
        with skipping(*given, overruled=self.overruled) as proxy:
            return executor(proxy, sigmas, extra_args, *rest, **named)


def patch(model, config, reports):
    """A clone of the MODEL that skips; the newest of several such patches holds."""
    before = model.get_wrappers(WrappersMP.SAMPLER_SAMPLE, KEY)
    overruled = [one for wrapper in before for one in (*wrapper.overruled, (wrapper.config.mode, wrapper.reports))]
    model = model.clone()
    model.remove_wrappers_with_key(WrappersMP.SAMPLER_SAMPLE, KEY)
    model.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, KEY, SamplerWrapper(config, reports, overruled))
    return model
