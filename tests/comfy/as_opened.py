"""The demo model at the settings at which today's models open: what the presets leave out there, as rows of a table.

    COMFYUI_PATH=~/comfy/ComfyUI ~/comfy/ComfyUI/.venv/bin/python tests/comfy/as_opened.py

Three seeds, an image each: mean calls, and the mean and the least SSIM against the full run of the same seed.
This is another network than the models': the settings are theirs, the answers are not.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "inprocess"))

import bootstrap  # noqa: E402

SETTINGS = [  # steps, sampler, schedule, CFG; eps prediction for SDXL's, flow for all others
    (20, "euler", "simple", 1.0),
    (20, "res_multistep", "simple", 1.0),
    (20, "euler", "simple", 5.0),
    (30, "euler", "simple", 4.0),
    (40, "euler", "simple", 4.0),
    (50, "euler", "simple", 4.0),
    (25, "res_multistep", "simple", 4.0),
    (26, "euler", "beta", 3.5),
    (20, "uni_pc", "simple", 5.0),
    (50, "uni_pc", "simple", 5.0),
    (25, "dpmpp_2m", "karras", 7.0),
    (25, "er_sde", "simple", 2.5),
    (40, "dpmpp_2m_sde", "simple", 5.0),
    (50, "lcm", "simple", 7.0),
]
NOISY = ("er_sde", "dpmpp_2m_sde")  # for these also an exact number of calls
SEEDS = (1, 2, 3)


def main():
    bootstrap.comfyui()
    import rig
    import torch
    from kornia.metrics import ssim

    def likeness(full, fast):
        images = (((one + 1) / 2).clamp(0, 1) for one in (full, fast))
        return float(ssim(*images, window_size=11).mean())

    with torch.inference_mode():
        for steps, sampler, schedule, cfg in SETTINGS:
            model = rig.model("eps" if schedule == "karras" else "flow")
            given = dict(steps=steps, sampler_name=sampler, scheduler=schedule, cfg=cfg)
            cells = {mode: [] for mode in ("balanced", "calls:60%")[: 1 + (sampler in NOISY)]}
            for seed in SEEDS:
                here = given | {"seed": seed, "latent_image": rig.latent(size=64)}
                full = rig.core(model, **here)
                for mode, found in cells.items():
                    fast, report = rig.ours(model, mode, **here)
                    found.append((report.calls, likeness(full, fast)))
            for mode, found in cells.items():
                calls, close = zip(*found, strict=True)
                mean = [sum(one) / len(SEEDS) for one in (calls, close)]
                row = f"{steps} {sampler} {schedule}", f"{cfg:g}", f"`{mode}`", f"{mean[0]:.1f}", f"{mean[1]:.3f}"
                sys.stdout.write(f"| {' | '.join(row)} | {min(close):.3f} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
