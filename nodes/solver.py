"""FSampler Solver: the pack's own solvers as a SAMPLER, with or without skipping."""

import inspect

import comfy.samplers
from comfy.k_diffusion.sampling import default_noise_sampler
from comfy.model_sampling import CONST
from tqdm.auto import tqdm

from ..samplers import SOLVERS
from ..samplers.lms import MAX_ORDER
from .mode import FASTER, HIDDEN, MODE, ModeNode, config_of
from .reports import Reports
from .sampler import SkippingSampler


def fresh_noise(x, seed):
    """ComfyUI's noise sampler, one seed on: in 0.3.64 the first draw of the seed itself is the initial noise again."""
    return default_noise_sampler(x, seed=None if seed is None else seed + 1)


def solver_sampler(name, options, noise=fresh_noise):
    """A KSAMPLER of the solver with those of ``options`` (eta, order) that it has.

    Noise for eta > 0 comes from ``noise(x, seed=...)`` with the run's seed. Raises ValueError for an eta above 0 with
    a solver that adds no noise.
    """
    solver = SOLVERS[name]
    known = inspect.signature(solver).parameters
    if options.get("eta") and "eta" not in known:
        raise ValueError(f"eta is {options['eta']}, but {name} has no form that adds noise; expected 0")
    options = {key: value for key, value in options.items() if key in known}

    def sample(model, x, sigmas, extra_args=None, callback=None, disable=None):
        given = dict(options)
        if given.get("eta"):
            given["noise_sampler"] = noise(x, seed=(extra_args or {}).get("seed"))
            given["flow"] = isinstance(model.inner_model.inner_model.model_sampling, CONST)
        with tqdm(total=len(sigmas) - 1, disable=disable) as bar:

            def follow(info):
                bar.update(info["i"] - bar.n)
                if callback is not None:
                    callback(info)

            result = solver(model, x, sigmas, extra_args=extra_args, callback=follow, disable=True, **given)
            bar.update(bar.total - bar.n)
        return result

    sample.__name__ = f"sample_fsampler_{name}"
    return comfy.samplers.KSAMPLER(sample)


class FSamplerSolver(ModeNode):
    DESCRIPTION = "The pack's own solvers as a SAMPLER. Mode off: without skipping."
    SEARCH_ALIASES = [*FASTER, "sampler select", "dpm++ 2m", "res multistep", "lms", "ab2", "ddim"]
    FUNCTION = "build"
    RETURN_TYPES = ("SAMPLER", "FSAMPLER_REPORT")
    RETURN_NAMES = ("sampler", "report")
    OUTPUT_TOOLTIPS = ("The solver.", "What the runs with this solver did; connect it to FSampler Report.")

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "solver": (
                    list(SOLVERS),
                    {
                        "tooltip": "dpmpp_2s and res_2s call the model twice a step, the others once.",
                    },
                ),
                "eta": (
                    "FLOAT",
                    {
                        "default": 0.0,
                        "min": 0.0,
                        "max": 1.0,
                        "step": 0.01,
                        "tooltip": "Fresh noise each step: 0 none, 1 full ancestral. lms and ab2 have no such form.",
                    },
                ),
                "order": (
                    "INT",
                    {
                        "default": MAX_ORDER,
                        "min": 1,
                        "max": MAX_ORDER,
                        "tooltip": "Order of lms; the others have their own.",
                    },
                ),
                "mode": MODE,
            },
            "optional": cls.OPTIONAL,
            "hidden": HIDDEN,
        }

    def build(self, solver, eta, order, mode, custom_mode="", settings=None, unique_id=None):
        reports = Reports(unique_id)
        sampler = solver_sampler(solver, {"eta": eta, "order": order})
        return SkippingSampler(sampler, config_of(mode, custom_mode, settings), reports), reports
