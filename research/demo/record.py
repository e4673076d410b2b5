"""The command ``fsampler record``: run the demo model in full, and plan its calls from what was recorded."""

import pathlib

import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.fsampler.recorded_plans import FEWEST, outlook, planned
from comfyui_fsampler.samplers import SOLVERS, get
from comfyui_fsampler.tools.files import check_directory, write_files

from .command import png
from .problem import Denoiser, load_network, start
from .schedules import PREDICTIONS, SCHEDULES
from .settings import Settings

EXAMPLE = "fsampler record --steps 20 --calls 8 --out out/plan"
CHART, PLAN = "plan.png", "plan.txt"


def add_arguments(parser):
    default = Settings()
    parser.add_argument("--calls", type=int, default=10, help=f"model calls of the planned run, from {FEWEST}")
    parser.add_argument("--sampler", default=default.sampler, help=", ".join(SOLVERS))
    parser.add_argument("--schedule", default=default.schedule, help=", ".join(SCHEDULES))
    parser.add_argument("--prediction", default=default.prediction, help=", ".join(PREDICTIONS))
    parser.add_argument("--steps", type=int, default=default.steps, help="steps of the run")
    parser.add_argument("--cfg", type=float, default=default.cfg, help="guidance scale; 1 is none")
    parser.add_argument("--count", type=int, default=4, help="images to record; a plan is made from the last four")
    parser.add_argument("--seed", type=int, default=default.seed, help="what the noise depends on")
    parser.add_argument("--out", type=pathlib.Path, help=f"a folder for {CHART} and {PLAN}; without it none is written")
    parser.add_argument("--threads", type=int, help="CPU threads; default torch's own choice")
    parser.add_argument("--weights", type=pathlib.Path, default=default.weights, help="a file that demo.train wrote")


def run(args):
    """Record and plan; returns what to expect of each number of calls, and the plan. Raises ValueError for bad values,
    and where nothing could be recorded."""
    given = {name: getattr(args, name) for name in Settings.__dataclass_fields__ if name in vars(args)}
    settings = Settings(**given, modes=())
    if not FEWEST <= args.calls <= settings.steps:
        raise ValueError(f"--calls is {args.calls}; expected {FEWEST} to {settings.steps}, the steps")
    network, out = load_network(settings.weights), args.out and check_directory(args.out, (CHART, PLAN))
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    recording = record(settings, network)
    expectations, text = outlook(recording), str(planned(recording, args.calls))
    lines = [f"{one.calls:>5}  {one.unplanned:>7.3f}  {one.planned:>7.3f}  {one.gain:>+7.1f}" for one in expectations]
    if out:
        from comfyui_fsampler.fsampler.plan_chart import draw

        write_files(out, {CHART: png(draw(expectations, args.calls)), PLAN: f"{text}\n".encode()})
    head = [
        "expected error of the final latent, by calls:N and by the plan; gain in dB",
        "calls  calls:N     plan     gain",
    ]
    return "\n".join([*head, *lines, "", text])


def record(settings, network):
    """The ``Recording`` of a run in full. Raises ValueError with the reason where there is none."""
    labels, noise = start(settings.count, settings.seed, settings.prediction, float(settings.sigmas()[0]))
    model = Denoiser(network, labels, settings.prediction, settings.cfg)
    setting = {"cfg": f"{settings.cfg:g}"}
    _, report = sample(get(settings.sampler), model, noise, settings.sigmas(), "record", setting=setting)
    if report.recording is None:
        raise ValueError("; ".join(map(str, report.notes)))
    return report.recording
