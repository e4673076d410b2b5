"""A sheet of a demo model's own samples: ``python -m fsampler_research.demo.samples --out docs/samples.webp``."""

import argparse
import pathlib

from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.samplers import SOLVERS
from PIL import Image

from .model import CLASSES
from .pictures import picture
from .problem import WEIGHTS, Denoiser, load_network, start, to_pixels
from .schedules import sigmas_for


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("samples.webp"))
    parser.add_argument("--weights", type=pathlib.Path, default=WEIGHTS)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--cfg", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    sigmas = sigmas_for("simple", "flow", 40)
    labels, noise = start(args.rows * len(CLASSES), args.seed, "flow", float(sigmas[0]))
    model = Denoiser(load_network(args.weights), labels, "flow", args.cfg)
    tiles = [picture(pixels) for pixels in to_pixels(sample(SOLVERS["dpmpp_2m"], model, noise, sigmas, "off")[0])]
    width, height = tiles[0].size
    image = Image.new("RGB", (width * len(CLASSES), height * args.rows))
    for i, tile in enumerate(tiles):
        image.paste(tile, (i % len(CLASSES) * width, i // len(CLASSES) * height))
    image.save(args.out, quality=80, method=6)  # of WebP; a PNG has neither


if __name__ == "__main__":
    main()
