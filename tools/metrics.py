"""How close two batches of images are: SSIM and PSNR, from torchmetrics."""

import math

import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure


def each(images: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM ``[B]`` and PSNR ``[B]`` in dB of images ``[B, 3, H, W]`` in [0, 1], at least 11 pixels wide and high.

    PSNR is infinite where nothing differs. SSIM: Wang et al., Image quality assessment (IEEE TIP 2004), with its
    Gaussian window of 11 pixels.
    """
    ssim = structural_similarity_index_measure(images, reference, data_range=1.0, reduction="none")
    assert isinstance(ssim, Tensor)  # a pair only for an argument that is not given
    psnr = peak_signal_noise_ratio(images, reference, data_range=1.0, reduction="none", dim=(1, 2, 3))
    return ssim.reshape(-1), psnr.reshape(-1)


def similarity(images: Tensor, reference: Tensor) -> tuple[float, float | None]:
    """``(SSIM, PSNR in dB)``, means over the images; all as in ``each``.

    PSNR is None where it is infinite: some image equals its reference.
    """
    if torch.equal(images, reference):
        return 1.0, None
    ssim, psnr = (float(values.mean()) for values in each(images, reference))
    return ssim, psnr if math.isfinite(psnr) else None
