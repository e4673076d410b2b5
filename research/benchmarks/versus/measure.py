"""How far a run is from its reference, image by image, and the means with their standard errors."""

import torch
from comfyui_fsampler.tools.metrics import each

from ...demo.problem import to_pixels
from ..cells import EXACT


def mean(values):
    """Mean of ``[B]`` and its standard error (0 for a single image)."""
    values = values.double()
    error = float(values.std()) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return round(float(values.mean()), 6), round(error, 6)


def score(made, full, exact=None):
    """The figures of a run against the full one and, if given, against the exact solution; all are ``link.Made``.

    errors are each image's rms error of the final latent over the full run's rms. PSNR is 120 dB where nothing differs.
    """
    if not torch.isfinite(made.latents).all():
        return {"failed": "latents are not finite"}
    pixels = to_pixels(made.latents)
    ssim, psnr = each(pixels, to_pixels(full.latents))
    relative = (made.latents - full.latents).flatten(1).norm(dim=1) / full.latents.flatten(1).norm(dim=1)
    found = {"calls": round(made.calls, 4), "full_calls": round(full.calls, 4), "seconds": round(made.seconds, 3)}
    found["images"] = len(ssim)
    found["ssim"], found["ssim_se"] = mean(ssim)
    found["psnr"], found["psnr_se"] = mean(psnr.clamp_max(EXACT))
    found["worst_ssim"] = round(float(ssim.min()), 6)
    found["error_median"], found["error_worst"] = round(float(relative.median()), 6), round(float(relative.max()), 6)
    if exact is not None:
        distance = each(pixels, to_pixels(exact.latents))[1]
        found["exact_psnr"], found["exact_se"] = mean(distance.clamp_max(EXACT))
    return found
