"""Fidelity against model calls on the demo model: ``python -m fsampler_research.benchmarks.quality [PART ...]``.

Parts: table (SSIM at 12, 9 and 7 of 20 calls, the issue's floor beside it), presets (what each preset costs and keeps),
fewer (ours against the same sampler with fewer steps), exact (distance to the exact ODE solution), auto (is a smaller
tolerance never worse?), ablation (what each stabilizer, space, order and the correction is worth), sampler (solvers of
two evaluations a step, ancestral and SDE forms). Prints Markdown; ``--json`` keeps the figures.
"""

import argparse
import json
import pathlib
import statistics
import sys

import torch
from comfyui_fsampler.fsampler import PRESETS
from comfyui_fsampler.tools.bar import progress

from ..demo.model import IMAGE_SIZE
from ..demo.problem import WEIGHTS, load_network
from .cells import COLUMNS, Bench, Cell, cells, compare
from .markdown import rows

CALLS = (12, 9, 7)
FLOORS = {
    (2.0, 12): (0.993, 0.993, 0.993, 0.993),
    (2.0, 9): (0.982, 0.985, 0.990, 0.982),
    (2.0, 7): (0.955, 0.960, 0.980, 0.955),
    (5.0, 12): (0.980, 0.988, 0.982, 0.980),
    (5.0, 9): (0.950, 0.930, 0.945, 0.950),
}
PRESET_FLOORS = {"quality": (0.997, 0.99), "balanced": (0.99, 0.97), "fast": (0.975, 0.94), "turbo": (0.94, 0.88)}
TOLERANCES = (0.001, 0.002, 0.004, 0.008, 0.016)
ABLATIONS = {
    "default": {},
    "trend off (stabilizer none)": {"stabilizer": "none"},
    "stabilizer learning": {"stabilizer": "learning"},
    "stabilizer gradient": {"stabilizer": "gradient"},
    "stabilizer learning+gradient": {"stabilizer": "learning+gradient"},
    "space denoised": {"space": "denoised"},
    "space residual": {"space": "residual"},
    "nodes index": {"nodes": "index"},
    "order 3": {"order": 3},
    "order 4": {"order": 4},
    "correction off": {"correct": False},
    "trend and correction off": {"stabilizer": "none", "correct": False},
}


def table(bench):
    """SSIM by model calls, mode ``calls:N``, with the floor each figure has to reach."""
    body, figures = [], []
    for cfg in (2.0, 5.0):
        for calls in CALLS:
            scores = [bench.score(cell, f"calls:{calls}") for cell in cells([cfg])]
            floors = FLOORS.get((cfg, calls), (None,) * 4)
            texts = [f"{s.ssim:.3f}" + (f" (>= {f:.3f})" if f else "") for s, f in zip(scores, floors, strict=True)]
            body.append([f"CFG {cfg:g}, {calls} calls", *texts])
            figures.append({"cfg": cfg, "calls": calls, "scores": [s._asdict() for s in scores], "floors": floors})
    return rows(["20 steps", *(cell.title for cell in cells([2.0]))], body), figures


def presets(bench):
    """Mean calls of 20 and SSIM of each preset in each cell, every image in a run of its own."""
    body, figures, matrix = [], [], cells([2.0, 5.0])
    for preset in PRESETS:
        scores = [bench.alone(cell, preset) for cell in matrix]
        ssims = [score.ssim for score in scores]
        texts = [f"{s.calls:.1f}: {s.ssim:.3f}" for s in scores]
        body.append([preset, *texts, f"{statistics.median(ssims):.3f}", f"{min(ssims):.3f}"])
        figures.append({"preset": preset, "scores": [s._asdict() for s in scores], "floors": PRESET_FLOORS[preset]})
    return rows(["calls: SSIM", *(f"{c.title}, CFG {c.cfg:g}" for c in matrix), "median", "least"], body), figures


def fewer(bench):
    """Ours minus "fewer steps" at equal calls, PSNR in dB; every cell has to be positive."""
    body, figures = [], []
    for cfg in (1.0, 2.0, 5.0):
        for steps, counts in ((20, (9, 12, 14, 16)), (30, (12, 18, 24))):
            for calls in counts:
                texts = []
                for cell in cells([cfg], steps):
                    ours, theirs = bench.score(cell, f"calls:{calls}"), bench.fewer(cell, calls)
                    texts.append(f"{ours.ssim:.3f} / {theirs.ssim:.3f} ({ours.psnr - theirs.psnr:+.1f} dB)")
                    figures.append({"cell": cell._asdict(), "ours": ours._asdict(), "fewer": theirs._asdict()})
                body.append([f"CFG {cfg:g}, {calls} of {steps}", *texts])
    return rows(["SSIM ours / fewer steps", *(cell.title for cell in cells([1.0]))], body), figures


def exact(bench):
    """PSNR against the exact solution (DPM++ 2M, 200 steps), ours over DPM++ 2M and DPM++ 2M alone, at equal calls.

    The full run of 20 calls is what skipping starts from; a run with skips comes closer than it by luck only."""
    body, figures = [], []
    for prediction, schedule in (("flow", "simple"), ("eps", "karras"), ("eps", "simple")):
        cell = Cell(prediction, schedule, "dpmpp_2m", 2.0)
        solution = bench.run(cell._replace(steps=200), "off")[0]
        full = compare(bench.full(cell), solution, cell.steps)
        for calls in (9, 12):
            ours = compare(bench.run(cell, f"calls:{calls}")[0], solution, calls)
            theirs = compare(bench.run(cell._replace(steps=calls), "off")[0], solution, calls)
            gain = ours.psnr - theirs.psnr
            most = f"{full.psnr:.1f} ({full.psnr - theirs.psnr:+.1f} dB)"
            body.append([cell.title, calls, f"{ours.psnr:.1f}", f"{theirs.psnr:.1f}", f"{gain:+.1f} dB", most])
            scores = {"ours": ours._asdict(), "theirs": theirs._asdict(), "full": full._asdict()}
            figures.append({"cell": cell._asdict(), **scores})
    return rows(["CFG 2", "calls", "ours over DPM++ 2M", "DPM++ 2M", "gain", "full run, 20 calls"], body), figures


def auto(bench):
    """Mean PSNR over both guidance scales by tolerance, every image in a run of its own, and what a tolerance means:
    the relative error of an image over it, and the share of images that keep it."""
    body, figures = [], []
    for tolerance in (*TOLERANCES, 0.032, 0.064, 0.128):
        scores = [bench.alone(cell, f"auto:{tolerance}") for cell in cells([2.0, 5.0])]
        psnr, calls = statistics.mean(s.psnr for s in scores), statistics.mean(s.calls for s in scores)
        ratios = [error / tolerance for score in scores for error in score.errors]
        kept = sum(ratio <= 1 for ratio in ratios) / len(ratios)
        median = statistics.median(ratios)
        body.append(
            [
                tolerance,
                f"{calls:.1f}",
                f"{psnr:.1f}",
                f"{median:.2f}",
                f"{100 * kept:.0f} %",
                f"{max(ratios):.2f}",
            ]
        )
        figures.append({"tolerance": tolerance, "scores": [s._asdict() for s in scores]})
    header = [
        "tolerance",
        "mean calls of 20",
        "mean PSNR",
        "median error / tolerance",
        "images within it",
        "worst error / tolerance",
    ]
    return rows(header, body), figures


def ablation(bench):
    """What each choice is worth: mean PSNR over the four columns at 12 and 9 calls, less the default's."""
    body, figures, base = [], [], {}
    for name, options in ABLATIONS.items():
        texts = []
        for cfg in (2.0, 5.0):
            for calls in (12, 9):
                scores = [bench.score(cell, f"calls:{calls}", **options) for cell in cells([cfg])]
                psnr = statistics.mean(s.psnr for s in scores)
                base.setdefault((cfg, calls), psnr)
                ssim = statistics.mean(s.ssim for s in scores)
                texts.append(f"{ssim:.3f} {psnr:.1f} ({psnr - base[cfg, calls]:+.1f})")
                figures.append({"name": name, "cfg": cfg, "calls": calls, "scores": [s._asdict() for s in scores]})
        body.append([name, *texts])
    header = [f"CFG {cfg:g}, {calls} calls" for cfg in (2.0, 5.0) for calls in (12, 9)]
    return rows(["SSIM, PSNR (dB to default)", *header], body), figures


def sampler(bench):
    """Two-evaluation, ancestral and SDE samplers: correction on and off, epsilon throughout, 12 of 20 steps REAL."""
    variants = {"default": {}, "correction off": {"correct": False}, "epsilon": {"space": "epsilon"}}
    body, figures = [], []
    for name, eta in (("dpmpp_2s", 0.0), ("res_2s", 0.0), ("euler", 1.0), ("dpmpp_2m", 1.0)):
        for variant, given in variants.items():
            texts = []
            for cfg in (2.0, 5.0):
                for prediction, schedule, _ in COLUMNS[:2]:
                    options = {"eta": eta, "flow": prediction == "flow"} if eta else {}
                    cell = Cell(prediction, schedule, name, cfg)
                    full = bench.run(cell, "off", solver_options=options)[0]
                    result, report = bench.run(cell, "calls:12", solver_options=options, **given)
                    score = compare(result, full, report.calls)
                    texts.append(f"{score.ssim:.3f} {score.psnr:.1f}")
                    figures.append({"cell": cell._asdict(), "eta": eta, "variant": variant, **score._asdict()})
            body.append([f"{name}, eta {eta:g}", variant, *texts])
    header = [f"{p} {s}, CFG {c:g}" for c in (2.0, 5.0) for p, s, _ in COLUMNS[:2]]
    return rows(["SSIM, PSNR at 12 of 20", "", *header], body), figures


PARTS = {part.__name__: part for part in (table, presets, fewer, exact, auto, ablation, sampler)}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts to run (all of them)")
    parser.add_argument("--count", type=int, default=64, help="images a cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=pathlib.Path, default=WEIGHTS, help="of the demo model, U-Net or transformer")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures here")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    bench, kept = Bench(args.count, args.seed, load_network(args.weights)), {}
    parts = args.parts or list(PARTS)
    for name in progress(parts, len(parts), "parts"):
        text, kept[name] = PARTS[name](bench)
        summary = PARTS[name].__doc__
        sys.stdout.write(f"\n{name}: {summary} {args.count} images of {IMAGE_SIZE}x{IMAGE_SIZE}.\n\n{text}")
        sys.stdout.flush()
        if args.json:
            args.json.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
