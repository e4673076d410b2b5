"""The command ``fsampler demo``: compare runs of the embedded model; write two pictures and a JSON file."""

import io
import json
import pathlib

import torch
from comfyui_fsampler import __version__
from comfyui_fsampler.fsampler.chart import draw
from comfyui_fsampler.samplers import SOLVERS
from comfyui_fsampler.tools.bar import Bar
from comfyui_fsampler.tools.files import check_directory, write_files

from .compare import compare
from .pictures import sheet
from .problem import fingerprint, load_network
from .schedules import PREDICTIONS, SCHEDULES
from .settings import Settings

EXAMPLE = "fsampler demo --sampler dpmpp_2m --steps 30 --mode balanced fast"
FILES = ("demo.png", "steps.png", "demo.json")


def add_arguments(parser):
    default = Settings()
    modes = " ".join(default.modes).replace("%", "%%")
    parser.add_argument("--sampler", default=default.sampler, help=", ".join(SOLVERS))
    parser.add_argument("--schedule", default=default.schedule, help=", ".join(SCHEDULES))
    parser.add_argument("--prediction", default=default.prediction, help=", ".join(PREDICTIONS))
    parser.add_argument("--steps", type=int, default=default.steps, help="steps of the full run, 1 to 1000")
    parser.add_argument("--cfg", type=float, default=default.cfg, help="guidance scale; 1 is none")
    parser.add_argument("--eta", type=float, default=default.eta, help="fresh noise of ancestral sampling; 0 is none")
    parser.add_argument("--count", type=int, default=default.count, help="images, 1 to 256")
    parser.add_argument("--seed", type=int, default=default.seed, help="what the noise depends on")
    parser.add_argument(
        "--mode",
        nargs="+",
        action="extend",
        metavar="MODE",
        dest="modes",
        help=f"modes to compare with the full run, quoted if they hold blanks; default {modes}",
    )
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/demo"), help="where the files go")
    parser.add_argument("--threads", type=int, help="CPU threads; default torch's own choice")
    parser.add_argument("--weights", type=pathlib.Path, default=default.weights, help="a file that demo.train wrote")


def run(args):
    """Run the comparison and return its closing text. Raises ValueError before any sampling when a value is bad."""
    given = {name: getattr(args, name) for name in Settings.__dataclass_fields__ if name != "modes"}
    settings = Settings(**given, **({} if args.modes is None else {"modes": tuple(args.modes)}))
    network = load_network(settings.weights)
    out = check_directory(args.out, FILES)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    with Bar("model calls") as bar:
        runs = compare(settings, network, bar)
    charted = [run.report for run in runs if run.mode != "off" and not run.mode.startswith("fewer:")]
    contents = (png(sheet(runs, settings)), png(draw(charted or [runs[0].report])), to_json(runs, settings))
    write_files(out, dict(zip(FILES, contents, strict=True)))
    return f"{table(runs)}\n\npictures: {out / FILES[0]} and {out / FILES[1]}\nnumbers:  {out / FILES[2]}"


def png(image):
    """A PIL image as the bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


def to_json(runs, settings):
    """``{"settings": {...}, "runs": [{...}, ...]}`` as bytes."""
    common = {name: getattr(settings, name) for name in ("sampler", "schedule", "prediction")}
    digest, notes = fingerprint(settings.weights)
    whole = {
        "settings": {
            **common,
            "steps": settings.steps,
            "cfg": settings.cfg,
            "eta": settings.eta,
            "count": settings.count,
            "seed": settings.seed,
            "threads": torch.get_num_threads(),
            "weights": {"sha256": digest, **notes},
            "fsampler": __version__,
            "torch": torch.__version__,
        },
        "runs": [
            {
                "mode": run.mode,
                **common,
                "steps": run.steps,
                "calls": run.calls,
                "seconds": round(run.seconds, 4),
                "ssim": round(run.ssim, 6),
                "psnr": None if run.psnr is None else round(run.psnr, 4),
            }
            for run in runs
        ],
    }
    return (json.dumps(whole, indent=2, allow_nan=False) + "\n").encode()


def table(runs):
    """The runs as fixed-width text."""
    width = max(len("run"), *(len(run.label) for run in runs))
    rows = [f"{'run':<{width}}  steps  calls  seconds    SSIM  PSNR dB"]
    for run in runs:
        psnr = "-" if run.psnr is None else f"{run.psnr:.2f}"
        rows.append(
            f"{run.label:<{width}}  {run.steps:>5}  {run.calls:>5}  {run.seconds:>7.2f}  {run.ssim:.4f}  {psnr:>7}"
        )
    return "\n".join(rows)
