"""FSampler Compare: how close two batches of images are, as numbers and as a picture."""

import torch
from kornia.metrics import psnr, ssim

import nodes as core

from .mode import category

WINDOW = 11  # pixels, the usual Gaussian window (Wang et al. 2004, "Image quality assessment", IEEE TIP 13)
RAMP = torch.tensor([[0.0, 0.0, 0.0], [0.3, 0.05, 0.4], [0.8, 0.2, 0.25], [0.98, 0.6, 0.1], [1.0, 1.0, 0.75]])


def check_alike(reference, image):
    """Raise ValueError unless both are IMAGE batches ``[B, H, W, 3]`` of one shape, large enough for the window."""
    if reference.shape != image.shape:
        raise ValueError(f"reference is {_size(reference)}, image is {_size(image)}; expected the same number and size")
    if min(reference.shape[1:3]) < WINDOW:
        raise ValueError(f"images are {_size(reference)}; expected at least {WINDOW}x{WINDOW} pixels")


def _size(images):
    return f"{images.shape[0]} of {images.shape[2]}x{images.shape[1]}"


def heat_map(reference, image, gain):
    """Mean absolute difference over the channels times ``gain``, black to white over red: ``[B, H, W, 3]``."""
    position = ((reference - image).abs().mean(dim=-1) * gain).clamp(0, 1) * (len(RAMP) - 1)
    lower = position.long().clamp_max(len(RAMP) - 2)
    ramp = RAMP.to(position)
    return torch.lerp(ramp[lower], ramp[lower + 1], (position - lower)[..., None])


class FSamplerCompare:
    CATEGORY = category()
    DESCRIPTION = "SSIM and PSNR of images against a reference, and where they differ: a full run beside a fast one."
    SEARCH_ALIASES = ["ssim", "psnr", "difference", "a/b", "image compare"]
    FUNCTION = "compare"
    OUTPUT_NODE = True
    RETURN_TYPES = ("FLOAT", "FLOAT", "IMAGE", "STRING")
    RETURN_NAMES = ("ssim", "psnr", "difference", "text")
    OUTPUT_TOOLTIPS = (
        "Structural similarity, mean over the batch: 1 is identical.",
        "Peak signal-to-noise ratio in dB, of the batch.",
        "Heat map of the difference.",
        "Both figures as text.",
    )

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "reference": ("IMAGE", {"tooltip": "The images of the full run."}),
                "image": ("IMAGE", {"tooltip": "The images to judge, as many and as large."}),
                "gain": (
                    "FLOAT",
                    {
                        "default": 8.0,
                        "min": 1.0,
                        "max": 100.0,
                        "step": 0.5,
                        "tooltip": "Brightness of the heat map: at 8, a difference of 1/8 of the range is white.",
                    },
                ),
            }
        }

    def compare(self, reference, image, gain):
        reference, image = reference[..., :3].float(), image[..., :3].float()
        check_alike(reference, image)
        first, second = reference.movedim(-1, 1), image.movedim(-1, 1)
        similarity = float(ssim(first, second, WINDOW).mean())
        noise = float("inf") if torch.equal(first, second) else float(psnr(second, first, 1.0))
        text = f"SSIM {similarity:.4f}, PSNR {noise:.1f} dB" + (" (identical)" if noise == float("inf") else "")
        map_ = heat_map(reference, image, gain)
        shown = core.PreviewImage().save_images(map_, "fsampler_compare")["ui"]
        return {"ui": {**shown, "text": [text]}, "result": (similarity, noise, map_, text)}
