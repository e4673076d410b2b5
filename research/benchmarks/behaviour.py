"""Hashes of what the engine does, over a matrix of runs: has a change of the code changed any state or any report?

    python -m fsampler_research.benchmarks.behaviour --save before.json
    ... change the code ...
    python -m fsampler_research.benchmarks.behaviour --against before.json

The matrix: every solver of ours, and heun and heunpp2 where this Python has a ComfyUI; eta 0 and 1; VE and flow; eight
modes; four sets of options; float32 and float16; and runs in which the model changes, the schedule ends above 0 or
little is known of the sampler. The model is a guided mixture of Gaussians in closed form. A hash covers the final state
and the report as JSON, its figures to 9 digits: the order of a sum may change those after them. Hashes are comparable
on one machine with one torch only, so none is committed.
"""

import argparse
import hashlib
import inspect
import json
import pathlib
import sys

import torch
from comfyui_fsampler.fsampler import Config, begin, probe
from comfyui_fsampler.samplers import SOLVERS
from comfyui_fsampler.tools.bar import progress

from ..demo import comfyui

MODES = ("off", "h2/s2", "h3/s3", "h2, 4, 5, 9, 12", "adaptive", "balanced", "auto:0.3", "calls:9")
OPTIONS = {
    "default": {},
    "stabilized": {"stabilizer": "learning+gradient"},
    "denoised": {"space": "denoised"},
    "uncorrected": {"correct": False},
}
PATHS = {"ve": False, "flow": True}
DTYPES = {"fp32": torch.float32, "fp16": torch.float16}
STEPS, GUIDANCE = 20, 3.0
CIRCUMSTANCES = ("plain", "changes", "forget", "open end", "unknown sampler", "long")
TWO_STAGE_OR_MULTISTEP = ("euler", "dpmpp_2m", "dpmpp_2s", "res_3m", "heun")


def schedule(flow, steps=STEPS):
    """Shifted flow times from 1, or Karras sigmas from 14.6; float32, the last one 0."""
    if flow:
        t = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
        return (3 * t / (1 + 2 * t)).float()
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    sigmas = (14.6 ** (1 / 7) + ramp * (0.03 ** (1 / 7) - 14.6 ** (1 / 7))) ** 7
    return torch.cat([sigmas, torch.zeros(1, dtype=torch.float64)]).float()


def model(flow):
    """``(x, sigma) -> denoised`` of two Gaussians, guided towards the first; exact on both paths."""
    generator = torch.Generator().manual_seed(7)
    means = torch.randn(2, 1, 4, 6, 6, generator=generator, dtype=torch.float64)
    variances = torch.tensor([0.05, 0.4], dtype=torch.float64)[:, None, None, None, None]

    def denoised(x, sigma):
        wide = x.double()
        level = sigma.double().reshape(-1, 1, 1, 1)
        signal = 1 - level if flow else torch.ones_like(level)
        spread = signal**2 * variances + level**2
        apart = (wide - signal * means) ** 2 / spread + spread.log()
        responsible = torch.softmax(-0.5 * apart.mean(dim=(2, 3, 4), keepdim=True) * 4, dim=0)
        each = (signal * variances * wide + level**2 * means) / spread
        alone = (responsible * each).sum(dim=0)
        return (alone + (GUIDANCE - 1) * (each[0] - alone)).to(x.dtype)

    return denoised


def solvers():
    """Name -> function; ComfyUI's heun and heunpp2 beside ours where this Python has one."""
    found = dict(SOLVERS)
    if comfyui.available():
        comfyui.enter("--cpu")
        from comfy.k_diffusion import sampling

        found |= {"heun": sampling.sample_heun, "heunpp2": sampling.sample_heunpp2}
    return found


def run(solver, eta, flow, mode, options, dtype, circumstance="plain"):
    """The final state and the report of one run; every run starts from the same noise."""
    sigmas = schedule(flow, 50 if circumstance == "long" else STEPS)
    sigmas = sigmas[:-5] if circumstance == "open end" else sigmas
    generator = torch.Generator().manual_seed(3)
    x = (torch.randn(2, 4, 6, 6, generator=generator) * float(sigmas[0])).to(dtype)
    extra = {"disable": True}
    if "eta" in inspect.signature(solver).parameters:
        extra |= {"eta": eta, "flow": flow}
    answer, calls = model(flow), 0

    def counted(x, sigma):
        nonlocal calls
        calls += 1
        if circumstance == "forget" and calls == 6:
            denoiser.forget()
        return answer(x, sigma)

    def probing():
        return probe(solver, sigmas, 4, solver_options={key: value for key, value in extra.items() if key != "disable"})

    changes = {9} if circumstance == "changes" else ()
    config = Config.parse(mode, **options)
    if mode == "off":
        denoiser = begin(counted, sigmas, config)
    else:
        known = None if circumstance == "unknown sampler" else probing
        denoiser = begin(counted, sigmas, config, known, flow=flow, changes=changes)
    torch.manual_seed(11)
    result = solver(denoiser, x, sigmas, **extra)
    return result, denoiser.finish()


def cases(found):
    """``(name, arguments of run)`` of the whole matrix."""
    for name, solver in found.items():
        noisy = "eta" in inspect.signature(solver).parameters and name != "ddim"
        for eta in (0.0, 1.0) if noisy else (0.0,):
            for path, flow in PATHS.items():
                for dtype_name, dtype in DTYPES.items():
                    for mode in MODES:
                        for options_name, options in OPTIONS.items():
                            case = f"{name} eta {eta:g} {path} {dtype_name} {mode} {options_name}"
                            yield case, (solver, eta, flow, mode, options, dtype)
                for circumstance in CIRCUMSTANCES[1:] if name in TWO_STAGE_OR_MULTISTEP else ():
                    for mode in MODES[1:]:
                        case = f"{name} eta {eta:g} {path} fp32 {mode} {circumstance}"
                        yield case, (solver, eta, flow, mode, {}, torch.float32, circumstance)


def digest(arguments):
    """The hash of one case; an error is an outcome too."""
    try:
        state, report = run(*arguments)
    except (ArithmeticError, ValueError) as error:
        return hashlib.sha256(f"{type(error).__name__}: {error}".encode()).hexdigest()[:16]
    figures = json.loads(report.to_json(), parse_float=lambda figure: f"{float(figure):.9g}")
    del figures["seconds"], figures["speedup"]  # no two runs take the same time
    content = state.contiguous().view(torch.uint8).numpy().tobytes() + json.dumps(figures).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def main(argv=None):
    """Print how many hashes there are and their common hash; 1 where one differs from a file's."""
    parser = argparse.ArgumentParser(prog="behaviour", description=__doc__.split("\n")[0])
    parser.add_argument("--save", type=pathlib.Path, metavar="FILE", help="write the hashes there, as JSON")
    parser.add_argument("--against", type=pathlib.Path, metavar="FILE", help="compare with hashes written before")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    every = list(cases(solvers()))
    hashes = {name: digest(arguments) for name, arguments in progress(every, len(every), "runs")}
    text = json.dumps(hashes, indent=0)
    sys.stdout.write(f"{len(hashes)} runs, {hashlib.sha256(text.encode()).hexdigest()[:16]}\n")
    if args.save:
        args.save.write_text(text)
    if not args.against:
        return 0
    before = json.loads(args.against.read_text())
    changed = [name for name in sorted({*before, *hashes}) if before.get(name) != hashes.get(name)]
    sys.stdout.write("".join(f"differs: {name}\n" for name in changed) or "all as before\n")
    return int(bool(changed))


if __name__ == "__main__":
    sys.exit(main())
