"""The pack's banner in the registry, 21 to 9: ``python -m fsampler_research.demo.banner --out docs/banner.png``.

One seed of the demo model in full and in mode ``balanced``, with a bar for each step below; what it says is counted in
those two runs.
"""

import argparse
import pathlib

import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.samplers import SOLVERS
from PIL import Image, ImageDraw, ImageFont

from .model import CLASSES
from .problem import Denoiser, load_network, start, to_pixels
from .schedules import sigmas_for

SIZE, PAPER, INK, FAINT = (1260, 540), (19, 25, 38), (255, 255, 255), (154, 163, 178)
CALLED, KEPT = (72, 159, 245), (242, 138, 64)  # of the icon: a model call, and what is gained
PICTURE, TOP, LEFT, GAP, BAR = 330, 60, 512, 28, 36  # pixels


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("banner.png"))
    parser.add_argument("--label", choices=CLASSES, default="coffee")
    parser.add_argument("--seed", type=int, default=8)
    args = parser.parse_args(argv)
    sigmas = sigmas_for("simple", "flow", 20)
    _, noise = start(1, args.seed, "flow", float(sigmas[0]))
    model = Denoiser(load_network(), torch.tensor([CLASSES.index(args.label)]), "flow", 2.0)
    runs = [sample(SOLVERS["euler"], model, noise, sigmas, mode) for mode in ("off", "balanced")]
    banner(runs).convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(args.out, optimize=True)


def banner(runs):
    """A PIL RGB image of a full run and a skipped one, each ``(latent [1, 3, H, W], report)``."""
    image = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((56, 150), "FSampler", fill=INK, font=ImageFont.load_default(84))
    for i, line in enumerate(("Diffusion sampling", "with fewer model calls,", "without retraining")):
        pen.text((60, 270 + 46 * i), line, fill=FAINT, font=ImageFont.load_default(36))
    for place, (latent, report) in enumerate(runs):
        x, y = LEFT + place * (PICTURE + GAP), TOP + PICTURE
        pixels = (to_pixels(latent)[0] * 255).round().byte().permute(1, 2, 0).numpy()
        image.paste(Image.fromarray(pixels).resize((PICTURE, PICTURE), Image.Resampling.LANCZOS), (x, TOP))
        records = report.first_records()
        wide = PICTURE / len(records)
        for i, record in enumerate(records):
            box = (x + i * wide, y + 16, x + (i + 1) * wide - 4, y + 16 + BAR)
            pen.rectangle(box, fill=CALLED if record.kind == "REAL" else None, outline=CALLED, width=2)
        colour = FAINT if place == 0 else KEPT
        calls = f"{report.calls} model calls"
        pen.text((x + PICTURE / 2, y + 28 + BAR), calls, fill=colour, font=ImageFont.load_default(34), anchor="ma")
    return image


if __name__ == "__main__":
    main()
