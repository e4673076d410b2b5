"""Every sampler in every prediction, and the in-process tests, on one ComfyUI; and the page made of several such runs.

    <ComfyUI's python> tests/comfy/compatibility.py            measure $COMFYUI_PATH, write tests/comfy/results/VERSION.json
    python tests/comfy/compatibility.py --write docs/compatibility.md      the page, from all files in tests/comfy/results
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "inprocess"))
RESULTS = Path(__file__).parent / "results"
PREDICTIONS = ("flow", "eps", "v")
RUN = dict(steps=20, cfg=2.0)
IMAGES = 2


def measure():
    """Rows ``{sampler, prediction, psnr, calls, evaluations, notes}`` of mode balanced against the full run."""
    import rig
    import torch

    rows = []
    with torch.inference_mode():
        for name in rig.SAMPLERS:
            for prediction in PREDICTIONS:
                model, given = rig.model(prediction), dict(sampler_name=name, latent_image=rig.latent(IMAGES, size=64), **RUN)
                full, calls = rig.counted(model, lambda m=model, g=given: rig.core(m, **g))
                off, _ = rig.ours(model, "off", **given)
                (fast, report), made = rig.counted(model, lambda m=model, g=given: rig.ours(m, "balanced", **g))
                rows.append({
                    "sampler": name, "prediction": prediction, "psnr": round(rig.psnr(full, fast), 2),
                    "calls": report.calls, "evaluations": report.evaluations, "notes": report.notes,
                    "off_is_core": bool(torch.equal(full, off)), "sequence": report.sequence,
                    "counts": made == report.calls and calls == report.evaluations,
                })  # fmt: skip
                sys.stderr.write(f"{rows[-1]}\n")
    return rows


if __name__ == "__main__":
    import bootstrap

    bootstrap.comfyui()
    measure()
