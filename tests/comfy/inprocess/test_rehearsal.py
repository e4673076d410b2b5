"""Samplers of other packs in the rehearsal: stand-ins that evaluate as RES4LYF's do, and functions that may not run."""

import copy
import functools
import random

import comfy.samplers
import pytest
import rig
import torch
from comfyui_fsampler.nodes import hook
from comfyui_fsampler.nodes.pure import Inspection

STAGES = {2: (0.0, 0.5), 3: (0.0, 0.5, 1.0), 4: (0.0, 0.4, 0.45, 1.0)}


def weights(nodes, start, end, kernel):
    """Of the polynomial through values at the nodes, the integral from start to end of ``kernel(z)`` times it."""
    powers = torch.arange(len(nodes), dtype=torch.float64)
    z = torch.linspace(start, end, 2001, dtype=torch.float64)
    moments = torch.trapezoid((z - start)[None, :] ** powers[:, None] * kernel(z), z, dim=1)
    places = torch.tensor(nodes, dtype=torch.float64) - start
    return torch.linalg.solve(places[None, :] ** powers[:, None], moments).tolist()


def advance(exponential, x, sigma, target, known):
    """The state at ``target``, from x at sigma and ``known``: sigmas and denoised there, and epsilon there."""
    sigmas, denoised, epsilon = zip(*known, strict=True)
    if not exponential:
        parts = weights(sigmas, sigma, target, torch.ones_like)
        return x + sum(part * value for part, value in zip(parts, epsilon, strict=True))
    logs, begin, end = [torch.tensor(each).log().tolist() for each in (sigmas, sigma, target)]
    parts = weights([-each for each in logs], -begin, -end, torch.exp)
    return target / sigma * x + target * sum(part * value for part, value in zip(parts, denoised, strict=True))


def multistep(
    model, x, sigmas, extra_args=None, callback=None, disable=None, exponential=True, order=3, remembers=True, early=3
):
    """``order`` evaluations a step in the first ``early`` steps, or in all of them where it ``remembers`` nothing;
    then one a step, and the last ones remembered. A last step to 0 is Euler's."""

    def ask(x, sigma):
        denoised = model(x, sigma * x.new_ones(len(x)), **extra_args)
        return float(sigma), denoised, (x - denoised) / float(sigma)

    history = []
    for i, (sigma, target) in enumerate(zip(sigmas.tolist(), sigmas.tolist()[1:], strict=False)):
        now = ask(x, sigma)
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": now[1]})
        history = [now, *history][:order]
        if target == 0:
            return now[1]
        known = [now]
        if i < early or not remembers:
            for place in STAGES[order][1:]:
                inner = sigma * (target / sigma) ** place if exponential else sigma + place * (target - sigma)
                known.append(ask(advance(exponential, x, sigma, inner, known), inner))
        else:
            known = history
        x = advance(exponential, x, sigma, target, known)
    return x


RES_2S = functools.partial(multistep, order=2, remembers=False)
STAND_INS = {
    "res_2s": ({"order": 2, "remembers": False}, 2 * 19 + 1),
    "res_3m": ({"order": 3}, 3 * 3 + 17),
    "deis_4m": ({"order": 4, "exponential": False, "early": 5}, 5 * 4 + 15),
}


@pytest.mark.parametrize("name", STAND_INS)
def test_a_multistep_sampler_of_another_pack_is_rehearsed_as_ours_are(name, prediction):
    options, evaluations = STAND_INS[name]
    sampler, schedule = comfy.samplers.KSAMPLER(multistep, options), rig.sigmas(rig.model(prediction), 20)

    def run(mode):
        model, reports = rig.patched(rig.model(prediction), mode)
        return rig.advanced(rig.guided(model), sampler, schedule), reports.runs[-1]

    (full, _), (fast, report) = run("off"), run("calls:10")
    assert report.notes == [] and report.evaluations == evaluations
    assert report.sequence.count("R") == 10
    fewer = rig.model(prediction)
    short = (rig.counted(fewer, functools.partial(_short, fewer, sampler, n)) for n in range(4, 20))
    rival = next(latents for latents, calls in short if calls >= report.calls)
    assert rig.psnr(full, fast) > rig.psnr(full, rival)


def _short(model, sampler, steps):
    return rig.advanced(rig.guided(model), sampler, rig.sigmas(model, steps))


def test_a_partial_of_such_a_function_is_rehearsed_too():
    model, reports = rig.patched(rig.model(), "calls:10")
    rig.advanced(rig.guided(model), comfy.samplers.KSAMPLER(RES_2S), rig.sigmas(model, 20))
    assert reports.runs[-1].notes == []


COUNTS, NUMBERS = {"calls": 0}, (1.0, 2.0)
SEEN = None


def euler(model, x, sigmas, extra_args=None, callback=None, disable=None):
    for sigma, following in zip(sigmas, sigmas[1:], strict=False):
        denoised = model(x, sigma * x.new_ones(len(x)), **extra_args)
        x = denoised + following / sigma * (x - denoised)
    return x


def reads_a_constant(model, x, sigmas, **rest):
    return euler(model, x, sigmas * NUMBERS[0], **rest)


def counts_in_a_dict(model, x, sigmas, **rest):
    COUNTS["calls"] += 1
    return euler(model, x, sigmas, **rest)


def sets_a_global(model, x, sigmas, **rest):
    global SEEN
    SEEN = len(sigmas)
    return euler(model, x, sigmas, **rest)


def counts_on_itself(model, x, sigmas, **rest):
    counts_on_itself.calls = len(sigmas)
    return euler(model, x, sigmas, **rest)


def counting_in_a_closure():
    calls = 0

    def counts(model, x, sigmas, **rest):
        nonlocal calls
        calls += 1
        return euler(model, x, sigmas, **rest)

    return counts


def throws_dice(model, x, sigmas, **rest):
    return euler(model, x, sigmas * (1 + 1e-9 * random.random()), **rest)


def writes(model, x, sigmas, **rest):
    print(len(sigmas))  # noqa: T201  what is tested
    return euler(model, x, sigmas, **rest)


def through_another(model, x, sigmas, **rest):
    return counts_in_a_dict(model, x, sigmas, **rest)


class Callable:
    def __call__(self, model, x, sigmas, **rest):
        return euler(model, x, sigmas, **rest)


def collects(model, x, sigmas, seen=[], **rest):  # noqa: B006  what is tested
    seen.append(len(sigmas))
    return euler(model, x, sigmas, **rest)


def asks_the_model_itself(model, x, sigmas, **rest):
    model.inner_model(x, sigmas[0] * x.new_ones(len(x)))
    return euler(model, x, sigmas, **rest)


def marks_the_model(model, x, sigmas, **rest):
    setter = model.inner_model.inner_model.__setattr__
    setter("mark", 1)
    return euler(model, x, sigmas, **rest)


REFUSED = [
    (sets_a_global, "sets_a_global sets SEEN, outside itself"),
    (counts_on_itself, "counts_on_itself sets calls, outside itself"),
    (counting_in_a_closure(), "counts sets calls, outside itself"),
    (throws_dice, "its value random (module) may keep something"),
    (writes, "writes calls print"),
    (Callable(), "its function is a Callable, which may keep something"),
    (functools.partial(reads_a_constant, extra=torch.ones(1)), "its argument extra (Tensor) may keep something"),
]


@pytest.mark.parametrize("function, why", REFUSED)
def test_a_function_that_may_leave_something_behind_is_not_rehearsed(function, why):
    assert Inspection().leaves(function) == why
    model, reports = rig.patched(rig.model(), "calls:6")
    if not isinstance(function, functools.partial):
        rig.advanced(rig.guided(model), comfy.samplers.KSAMPLER(function), rig.sigmas(model))
        (report,) = reports.runs
        expected = f"sampler not rehearsed, corrected as a one-step method: {why}"
        assert [note.text for note in report.notes] == [expected] and report.calls == 6


@pytest.mark.parametrize(
    "function, name, holder",
    [
        (counts_in_a_dict, "value COUNTS", COUNTS),
        (through_another, "value COUNTS", COUNTS),
        (collects, "value 0", collects.__defaults__[0]),
    ],
)
def test_what_a_rehearsal_changes_in_a_container_is_put_back(function, name, holder):
    before = copy.deepcopy(holder)
    _, note = hook.rehearsal(comfy.samplers.KSAMPLER(function), None, torch.tensor([1.0, 0.5, 0.0]), 4, {})()
    assert note.text.endswith(f"its {name} changes from call to call") and holder == before


@pytest.mark.parametrize("function", [euler, reads_a_constant, multistep, RES_2S, torch.no_grad()(euler)])
def test_a_function_that_leaves_nothing_behind(function):
    assert Inspection().leaves(function) is None


@pytest.mark.parametrize(
    "function, why",
    [(asks_the_model_itself, "it calls CFGGuider of the model"), (marks_the_model, "it sets mark of the model")],
)
def test_a_rehearsal_only_looks_at_the_model(function, why):
    bare = rig.model()
    guider, schedule, before = rig.guided(bare), rig.sigmas(bare), rig.network(bare).calls
    guider.inner_model = bare.model  # as it is while it samples
    behind = comfy.samplers.KSamplerX0Inpaint(guider, schedule)
    _, note = hook.rehearsal(comfy.samplers.KSAMPLER(function), behind, schedule, 4, {})()
    assert note.text.endswith(why) and rig.network(bare).calls == before and not hasattr(bare.model, "mark")


def counts_and_is_cancelled(model, x, sigmas, **rest):
    COUNTS["calls"] += 1
    raise KeyboardInterrupt


def test_a_container_is_put_back_after_a_cancel_too():
    before = dict(COUNTS)
    sampler = comfy.samplers.KSAMPLER(counts_and_is_cancelled)
    with pytest.raises(KeyboardInterrupt):
        hook.rehearsal(sampler, None, torch.tensor([1.0, 0.5, 0.0]), 4, {})()
    assert before == COUNTS


def test_a_value_that_an_option_holds_is_none_of_the_functions_own():
    sampler = comfy.samplers.KSAMPLER(euler, {"guides": torch.ones(1)})
    _, note = hook.rehearsal(sampler, None, torch.tensor([1.0, 0.5, 0.0]), 4, {})()
    assert note.text.endswith("its option guides (Tensor) may keep something")
