"""When the model will answer differently: conditionings, ControlNets, LoRA keyframes and guidance with a schedule."""

import inspect
import math


def guidance(guider):
    """The guidance scales a guider holds (``cfg``, and the like of DualCFGGuider), to see a change of them; None has
    none."""
    if guider is None:
        return {}
    return {name: value for name, value in vars(guider).items() if "cfg" in name and isinstance(value, (int, float))}


def model_changes(guider, model_options, sigmas):
    """Steps whose evaluation follows such a change, given the schedule; what holds from the start is no change.

    A start is passed when sigma <= start, an end when sigma < end (ComfyUI's own comparisons).
    """
    starts, ends = [], []
    for conds in getattr(guider, "conds", {}).values():
        for cond in conds:
            starts.append(cond.get("timestep_start"))
            ends.append(cond.get("timestep_end"))
            _control_range(cond.get("control"), starts, ends)
            _keyframes(cond.get("hooks"), starts)
    ranges = [sigma for sigma in _patch_ranges(model_options) if sigma < sigmas[0]]
    # Patches compare with < or with <=: both steps are marked.
    starts += ranges
    ends += ranges
    ends += [math.nextafter(float(sigma), math.inf) for sigma in starts if sigma is not None]
    steps = (next((i for i, s in enumerate(sigmas[:-1]) if s < float(end)), 0) for end in ends if end is not None)
    return {step for step in steps if step > 0}


def _control_range(control, starts, ends):
    while control is not None:
        if getattr(control, "timestep_range", None) is not None:
            starts.append(control.timestep_range[0])
            ends.append(control.timestep_range[1])
        control = getattr(control, "previous_controlnet", None)


def _keyframes(hooks, starts):
    for hook in hooks.hooks if hooks is not None else ():
        starts += [keyframe.start_t for keyframe in hook.hook_keyframe.keyframes]


def _patch_ranges(model_options):
    """Sigmas that patch functions keep to know their range: core's CFG Override and skip-layer guidance, for example,
    hold them in variables named ``sigma_...`` of a closure."""
    options = model_options.get("transformer_options", {})
    functions = [f for keys in options.get("wrappers", {}).values() for group in keys.values() for f in group]
    for value in model_options.values():
        functions += value if isinstance(value, list) else [value]
    found = []
    for function in functions:
        if inspect.isfunction(function):
            found += [v for name, v in _closure(function) if name.startswith("sigma_") and isinstance(v, (int, float))]
    return found


def _closure(function):
    """Name and value of each variable of a function's closure that has a value."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet, or deleted
            continue
