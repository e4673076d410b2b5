"""img2img: the schedule begins in the middle, and is planned as what it is."""

import pytest
import rig
import torch


@pytest.mark.parametrize("denoise", [0.3, 0.6])
def test_denoise(denoise, prediction):
    model = rig.model(prediction)
    given = dict(denoise=denoise, steps=12, latent_image=rig.latent(value=0.8))
    full, evaluations = rig.counted(model, lambda: rig.core(model, **given))
    assert evaluations == 12
    off, _ = rig.ours(model, "off", **given)
    assert torch.equal(off, full)
    (fast, report), made = rig.counted(model, lambda: rig.ours(model, "fast", **given))
    assert made == report.calls < 12 == report.evaluations
    assert rig.psnr(full, fast) > 30


def test_a_late_start_is_planned_on_its_own_path():
    """eps from sigma 0.9 on looks like flow time; the MODEL says which it is, and the plans differ."""
    plans = {}
    for prediction in ("eps", "flow"):
        model, reports = rig.patched(rig.model(prediction), "calls:8")
        schedule = torch.linspace(0.9, 0, 15)
        rig.advanced(rig.guided(model), rig.ksampler(), schedule, latent_image=rig.latent(value=0.8))
        plans[prediction] = reports.runs[-1].sequence
    assert plans["eps"].count("R") == plans["flow"].count("R") == 8 and plans["eps"] != plans["flow"]
