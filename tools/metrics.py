"""How close two batches of images are: SSIM and PSNR, from torchmetrics."""

import math

import torch
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure


def each(images, reference):
    """SSIM ``[B]`` and PSNR in dB ``[B]`` of ``[B, 3, H, W]`` in [0, 1]; PSNR is infinite where nothing differs."""
    ssim = structural_similarity_index_measure(images, reference, data_range=1.0, reduction="none")
    psnr = peak_signal_noise_ratio(images, reference, data_range=1.0, reduction="none", dim=(1, 2, 3))
    return ssim.reshape(-1), psnr.reshape(-1)


def similarity(images, reference):
    """``(SSIM, PSNR in dB)`` of ``[B, 3, H, W]`` in [0, 1], means over the images.

    PSNR is None where it is infinite: an image equals its reference.
    """
    if torch.equal(images, reference):
        return 1.0, None
    ssim, psnr = (float(values.mean()) for values in each(images, reference))
    return ssim, psnr if math.isfinite(psnr) else None
