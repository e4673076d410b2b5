"""How the pictures of the documentation are stored: small, and without a difference that one sees.

    python tests/workflows/saving.py out/demo/demo.png docs/demo.webp

Plots and screens, which have few hues, are PNG files of 96 colours; sheets and screens with photographs are WebP.
"""

import sys
from pathlib import Path

from PIL import Image

COLOURS = 96  # of a palette that covers every hue; 64 also look right on plots, 32 lose thin lines
QUALITY = 80  # of WebP and JPEG


def save(picture, path):
    """Write a PIL image to ``path``, in the way that its ending asks for."""
    picture, path = picture.convert("RGB"), Path(path)
    if path.suffix == ".png":
        palette = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
        palette.save(path, optimize=True)
    elif path.suffix == ".webp":
        picture.save(path, quality=QUALITY, method=6)
    else:
        picture.save(path, quality=QUALITY, optimize=True, progressive=True)


if __name__ == "__main__":
    save(Image.open(sys.argv[1]), sys.argv[2])
