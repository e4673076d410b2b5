"""Two pictures side by side: how close they are, where they differ, and each as the page shows it.

Worked out piece by piece, so that a pair needs little more memory than its pixels: SSIM on tiles that overlap by half
of its window, which gives each pixel the value that it has in the whole picture.
"""

import base64
import io
import math
from collections.abc import Iterator

import numpy
import torch
from PIL import Image
from torchmetrics.functional.image import structural_similarity_index_measure

GAIN = 8.0  # of the difference map: a difference of 1/8 of the range is as bright as can be
WINDOW = 11  # pixels: SSIM needs pictures at least as large as its window
TILE = 256  # pixels: SSIM needs some 800 bytes for each pixel of a tile
RAMP = numpy.array([[0, 0, 0], [77, 13, 102], [204, 51, 64], [250, 153, 26], [255, 255, 191]], dtype=numpy.float32)
SIDE, SMALL = 1280, 600  # pixels: pictures above the first are made smaller; up to the second they are kept exactly
_Box = tuple[int, int, int, int]  # left, top, right, bottom


def closeness(image: Image.Image, reference: Image.Image) -> tuple[float | None, float | None, bool]:
    """``(SSIM, PSNR in dB, identical)`` of two RGB pictures.

    SSIM and PSNR are None for sizes that differ or are below ``WINDOW``; PSNR also for pictures that are identical.
    Both as in ``metrics.each``, from whole pictures.
    """
    if image.size != reference.size:
        return None, None, False
    squares, total, pixels = 0, 0.0, image.width * image.height
    measured = min(image.size) >= WINDOW
    for inner, outer in _tiles(image.size):
        ours, theirs = image.crop(outer), reference.crop(outer)
        apart = _numbers(ours.crop(inner)).astype(numpy.int64) - _numbers(theirs.crop(inner))
        squares += int((apart * apart).sum())
        if measured:
            left, top, right, bottom = inner
            _, each = structural_similarity_index_measure(
                _tensor(ours), _tensor(theirs), data_range=1.0, reduction="none", return_full_image=True
            )
            total += float(each[..., top:bottom, left:right].double().sum())
    if squares == 0:
        return (1.0 if measured else None), None, True
    if not measured:
        return None, None, False
    return total / (3 * pixels), 10 * math.log10(255**2 * 3 * pixels / squares), False


def _tiles(size: tuple[int, int]) -> Iterator[tuple[_Box, _Box]]:
    """``(inner, outer)`` of the tiles of a picture: ``outer`` in the picture, ``inner``, its own part, in ``outer``."""
    width, height = size
    around = WINDOW // 2
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            right, bottom = min(left + TILE, width), min(top + TILE, height)
            x, y = max(left - around, 0), max(top - around, 0)
            outer = (x, y, min(right + around, width), min(bottom + around, height))
            yield (left - x, top - y, right - x, bottom - y), outer


def _numbers(image: Image.Image) -> numpy.ndarray:
    return numpy.asarray(image)


def _tensor(image: Image.Image) -> torch.Tensor:
    """``[1, 3, H, W]`` in [0, 1]."""
    return torch.from_numpy(numpy.asarray(image, dtype=numpy.float32) / 255).movedim(-1, 0)[None]


def difference(first: Image.Image, second: Image.Image) -> Image.Image | None:
    """A map of the absolute difference, the mean of the channels times ``GAIN``, from black over red to pale yellow.

    None for sizes that differ.
    """
    if first.size != second.size:
        return None
    whole = Image.new("RGB", first.size)
    for inner, outer in _tiles(first.size):
        ours, theirs = (_numbers(one.crop(outer).crop(inner)).astype(numpy.float32) for one in (first, second))
        place = numpy.clip(numpy.abs(ours - theirs).mean(axis=-1) / 255 * GAIN, 0, 1) * (len(RAMP) - 1)
        colours = [numpy.interp(place, numpy.arange(len(RAMP)), RAMP[:, channel]) for channel in range(3)]
        tile = Image.fromarray(numpy.stack(colours, axis=-1).round().astype(numpy.uint8))
        whole.paste(tile, (outer[0] + inner[0], outer[1] + inner[1]))
    return whole


def data_uri(image: Image.Image) -> str:
    """The picture as a URI: exactly (PNG) up to ``SMALL`` pixels, else as WebP of at most ``SIDE`` pixels."""
    buffer = io.BytesIO()
    if max(image.size) <= SMALL:
        image.save(buffer, "png", optimize=True)
        return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    image = image.copy()
    image.thumbnail((SIDE, SIDE))
    image.save(buffer, "webp", quality=92)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
