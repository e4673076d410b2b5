"""Samplers and schedules in which skipping cannot be right: they run in full, and the report says why."""

from ..fsampler import Note
from ..fsampler.schedule import first_fault

REFUSED = {
    "dpm_adaptive": "dpm_adaptive sizes its steps by comparing evaluations, and predicted ones always agree; "
    "take a sampler of fixed steps, such as euler",
    "ar_video": "ar_video fills the model's caches with every call",
    "lcm": "lcm draws all of its noise anew at every step, so any skipped call leads to another picture; "
    "take fewer steps instead",
}


def why_in_full(sampler, sigmas, base_options, options):
    """A ``Note`` of the reason, or None. ``base_options`` are the model options before the sampler touched them,
    ``options`` those of its first call."""
    name = getattr(getattr(sampler, "sampler_function", None), "__name__", type(sampler).__name__)
    for refused, reason in REFUSED.items():
        if refused in name:
            return Note("sampler-refused", reason)
    added = _post_cfg(options) - _post_cfg(base_options)
    if added > 0:
        return Note(
            "sampler-refused",
            "the sampler reads the unconditional prediction of every call (CFG++); take its plain form",
        )
    if getattr(sampler, "extra_options", {}).get("s_churn", 0) > 0:
        return Note("sampler-refused", "s_churn takes the state above the schedule's sigmas; set it to 0")
    return _bad_schedule(sigmas.tolist())


def why_wrapped_in_full(guider, config, sigmas):
    """The reason, or None, for the function of a SAMPLER that a wrapping node calls by itself: with a model that may
    hide the guider, and with any part of the schedule."""
    if guider is None:
        return Note("sampler-wrapped", "a node that wraps the sampler hides the guider from it")
    try:
        config.policy.check(len(sigmas) - 1)
    except ValueError as error:
        return Note("sampler-wrapped", f"a node that wraps the sampler runs it in parts: {error}")
    return None


def _post_cfg(options):
    return len(options.get("sampler_post_cfg_function", []))


def _bad_schedule(sigmas):
    if len(sigmas) < 2:
        return Note("schedule-refused", f"the schedule has {len(sigmas)} sigma")
    fault = first_fault(sigmas)
    if fault is None:
        return None
    step = max(fault - 1, 0)
    fall = f"sigma {sigmas[step]:.5g}, then {sigmas[step + 1]:.5g}"
    return Note("schedule-refused", f"the schedule does not fall at step {step} ({fall})")
