"""Widgets of the original FSampler's nodes (obisin/ComfyUI-FSampler 1.5.0): names, defaults, ranges and choices are its
interface, so that graphs saved with it load; the words are ours."""

SCHEDULERS = [
    "simple",
    "normal",
    "sgm_uniform",
    "ddim_uniform",
    "beta",
    "linear_quadratic",
    "karras",
    "exponential",
    "polyexponential",
    "vp",
    "laplace",
    "kl_optimal",
    "beta57",
    "bong_tangent",
    "bong_tangent_2",
    "bong_tangent_2_simple",
    "constant",
    "fibonacci",
    "fibonacci_rev",
]
SAMPLERS = [
    "euler",
    "res_2m",
    "res_2s",
    "ddim",
    "dpmpp_2m",
    "dpmpp_2s",
    "lms",
    "res_multistep",
    "res_multistep_ancestral",
    "heun",
    "gradient_estimation",
]
SKIP_MODES = [
    "none",
    "h2/s2",
    "h2/s3",
    "h2/s4",
    "h2/s5",
    "h3/s3",
    "h3/s4",
    "h3/s5",
    "h4/s4",
    "h4/s5",
    "adaptive",
]
STABILIZERS = {
    "none": "none",
    "learning": "learning",
    "grad_est": "gradient",
    "learn+grad_est": "learning+gradient",
}


def _number(kind, default, least, most, tooltip, **more):
    return (kind, {"default": default, "min": least, "max": most, **more, "tooltip": tooltip})


def _choice(values, tooltip):
    return (values, {"default": values[0], "tooltip": tooltip})


def _switch(default, tooltip):
    return ("BOOLEAN", {"default": default, "tooltip": tooltip})


WIDGETS = {
    "model": ("MODEL", {"tooltip": "The model to sample with."}),
    "positive": ("CONDITIONING", {"tooltip": "What the image should show."}),
    "negative": ("CONDITIONING", {"tooltip": "What it should not show."}),
    "latent_image": ("LATENT", {"tooltip": "The latent to denoise; its mask and batch index are honoured."}),
    "seed": _number("INT", 0, 0, 0xFFFFFFFFFFFFFFFF, "Seed of the noise."),
    "steps": _number("INT", 25, 1, 150, "Steps of the schedule."),
    "cfg": _number("FLOAT", 1.0, 0.0, 100.0, "Guidance scale; 1 is none.", step=0.05),
    "scheduler": _choice(SCHEDULERS, "ComfyUI's schedulers, and those that only the original had."),
    "sampler": _choice(SAMPLERS, "res_2s, dpmpp_2s and heun call the model twice a step, the others once."),
    "protect_first_steps": _number("INT", 2, 0, 20, "Steps at the start that always call the model."),
    "protect_last_steps": _number("INT", 2, 1, 100, "Steps at the end that always call the model."),
    "adaptive_mode": _choice(
        [*STABILIZERS],
        "What is done to a prediction. learning: divided by a learned ratio of norms. grad_est: pushed on along the "
        "last change, by a quarter at most.",
    ),
    "smoothing_beta": _number(
        "FLOAT",
        0.999,
        0.0,
        0.9999,
        "Memory of the learned ratio; 0 keeps none.",
        step=0.0001,
    ),
    "skip_mode": _choice(
        SKIP_MODES,
        "hN/sK: K model calls, then one step predicted from the last N. adaptive: a step is predicted while two "
        "predictions of different order agree.",
    ),
    "skip_indices": (
        "STRING",
        {
            "default": "",
            "multiline": False,
            "tooltip": "Steps to skip, counted from 0 in what start and end leave: h2, 3, 4, 7. An hN picks the "
            "predictor. Replaces skip_mode and everything that belongs to it. Steps 0 and 1 are never skipped.",
        },
    ),
    "anchor_interval": _number("INT", 4, 0, 100, "adaptive only: a model call every so many steps, 0 for none."),
    "max_consecutive_skips": _number("INT", 4, 1, 100, "adaptive only: most predicted steps in a row."),
    "start_at_step": _number("INT", -1, -1, 10000, "First step of the schedule to make; -1: from the beginning."),
    "end_at_step": _number(
        "INT",
        -1,
        -1,
        10000,
        "Index of the sigma to end at, which becomes 0; -1: the whole schedule.",
    ),
    "add_noise": _number(
        "FLOAT",
        0.0,
        0.0,
        1.0,
        "Fresh noise in every step: 0 none, 1 full ancestral. lms, heun and gradient_estimation have no such form.",
        step=0.01,
    ),
    "noise_type": _choice(
        ["whitened", "gaussian"],
        "Fresh noise with mean 0 and deviation 1 in every image and step, or as it is drawn.",
    ),
    "denoise": _number("FLOAT", 1.0, 0.0, 1.0, "Below 1, only the last part of a longer schedule; 0 does nothing."),
    "verbose": _switch(False, "Log every step, at level DEBUG."),
    "no_grad": _switch(True, "No effect: ComfyUI never keeps gradients."),
    "official_comfy": _switch(
        True,
        "On: ComfyUI's res_multistep, two-stage bong_tangent. Off: our res_2m in its place, bong_tangent of one "
        "curve. No effect elsewhere.",
    ),
    "sigma_aware": _switch(False, "Extrapolate against the noise level, not the step number."),
    "extrapolate_denoised": _switch(False, "Extrapolate the denoised image, not its distance from the noisy one."),
}


def widgets(names, **changed):
    """These inputs, for INPUT_TYPES; ``changed`` options by name."""
    chosen = {name: WIDGETS[name] for name in names.split()}
    return chosen | {name: (chosen[name][0], chosen[name][1] | options) for name, options in changed.items()}
