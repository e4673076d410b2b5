"""The one place where sampling in ComfyUI meets the engine: the sampler gets the guider with skipping in front of it.

ComfyUI samplers call the guider (CFG and the rest) through the inpainting blend. A proxy that stands for the guider
sees every such call, whatever the guider, the sampler node or the sampler, and leaves the sampler's own code alone.
"""

import contextlib
import functools
import logging
from collections import deque

import comfy.model_management
from comfy.model_sampling import CONST
from comfy.patcher_extension import WrappersMP
from comfy.samplers import KSamplerX0Inpaint

from ..fsampler import FullRun, Note, begin, probe
from .caches import other_caches
from .changes import guidance, model_changes
from .refusals import why_in_full

logger = logging.getLogger(__name__)
KEY = "fsampler"
PROBED = ("comfy.", __package__.rpartition(".")[0])  # core's samplers and ours: functions of their arguments alone


class Reports:
    """What the runs of one node did, the newest last; what the nodes pass on as FSAMPLER_REPORT."""

    def __init__(self):
        self.runs = deque(maxlen=16)

    def __deepcopy__(self, _memo):
        """A copied sampler reports to the same place."""
        return self


def held(proxy, holder, name):
    """What a proxy stands for. While copy or pickle are at work on it that is not there yet: AttributeError."""
    if holder not in vars(proxy):
        raise AttributeError(f"{type(proxy).__name__} has no attribute {name!r} yet")
    return vars(proxy)[holder]


class Guider:
    """Stands for ``guider`` in front of a sampler; everything but the call itself is the guider's, to read and to set.

    The run begins with the first call, because only that shows what the sampler has added to the model options:
    ``start(x, model_options)`` makes it.
    """

    def __init__(self, guider, start):
        vars(self).update(_guider=guider, _start=start, _run=None, _guidance=guidance(guider))

    def __call__(self, x, timestep, model_options=None, seed=None):
        comfy.model_management.throw_exception_if_processing_interrupted()  # a SKIP reaches no other check
        options = {} if model_options is None else model_options
        if self._run is None:
            vars(self)["_run"] = self._start(x, options)
        now = guidance(self._guider)
        if now != self._guidance:
            vars(self)["_guidance"] = now
            self._run.forget()
        return self._run(x, timestep, model_options=options, seed=seed)

    @property
    def __class__(self):
        """For isinstance: samplers ask whether this is a CFGGuider."""
        return type(self._guider)

    def __getattr__(self, name):
        return getattr(held(self, "_guider", name), name)

    def __setattr__(self, name, value):
        setattr(self._guider, name, value)

    def __delattr__(self, name):
        delattr(self._guider, name)


@contextlib.contextmanager
def skipping(guider, sampler, sigmas, extra_args, config, reports):
    """The proxy to give to ``sampler``; on leaving, the run is reported and nothing of it stays.

    An error or a cancel passes through, without a report.
    """
    schedule = sigmas.detach().to("cpu", copy=True)  # uni_pc overwrites its last sigma
    base_options = extra_args.get("model_options", {})  # CFG++ samplers put others in their place

    def start(x, options):
        reason = why_in_full(sampler, schedule, base_options, options)
        if reason:
            return FullRun(guider, schedule, config.mode, None if config.mode == "off" else reason)
        flow = isinstance(guider.inner_model.model_sampling, CONST)
        changes = model_changes(guider, options, schedule.tolist())
        probing = _probing(sampler, guider, schedule, x.ndim, {**extra_args, "model_options": {**base_options}})
        return begin(guider, schedule, config, probing, flow=flow, changes=changes)

    proxy = Guider(guider, start)
    try:
        yield proxy
        run = vars(proxy)["_run"]
        if run is not None:
            _report(run.finish(), guider, reports)
    finally:
        vars(proxy).update(_run=None, _start=None)


def _probing(sampler, guider, schedule, dimensions, extra_args):
    """The probe of a SAMPLER; None where the function behind it is not known to leave nothing behind."""
    solver = getattr(sampler, "sampler_function", None)
    if not getattr(solver, "__module__", "").startswith(PROBED):
        return None
    return functools.partial(
        probe,
        solver,
        schedule,
        dimensions,
        model=KSamplerX0Inpaint(guider, schedule),
        extra_args=extra_args,
        solver_options=sampler.extra_options,
    )


def _report(report, guider, reports):
    caches = other_caches(guider.model_options)
    if caches and report.mode != "off":
        text = f"{', '.join(caches)} is active on the same model: both skip, and their errors add up"
        report.notes.append(Note("another-cache", text))
        logger.warning("FSampler: %s", text)
    reports.runs.append(report)
    logger.info(report.line())


class SamplerWrapper:
    """A SAMPLER_SAMPLE wrapper: skips in whatever sampler the model is given to."""

    def __init__(self, config, reports):
        self.config, self.reports = config, reports

    def __call__(self, executor, guider, sigmas, extra_args, *rest, **named):
        with skipping(guider, executor.class_obj, sigmas, extra_args, self.config, self.reports) as proxy:
            return executor(proxy, sigmas, extra_args, *rest, **named)


def patch(model, config, reports):
    """A clone of the MODEL that skips; the newest of several such patches holds."""
    model = model.clone()
    model.remove_wrappers_with_key(WrappersMP.SAMPLER_SAMPLE, KEY)
    model.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, KEY, SamplerWrapper(config, reports))
    return model
