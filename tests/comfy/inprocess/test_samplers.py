"""Every sampler of core, in every prediction: off is core bit for bit, skipping counts its calls right and is close."""

import pytest
import rig
import torch

STEPS, REAL = 10, 7
NOISY = ("ancestral", "sde", "ddpm", "sa_solver", "seeds")
UNREHEARSED = ("heunpp2", "dpm_fast")  # no steps of the schedule in them to land a correction by
IN_FULL = {"dpm_adaptive": "sizes its steps", "lcm": "draws all of its noise anew"} | {
    name: "CFG++" for name in rig.SAMPLERS if name.endswith("cfg_pp")
}


@pytest.mark.parametrize("name", rig.SAMPLERS)
def test_sampler(name, prediction, record_property):
    model, given = rig.model(prediction), dict(sampler_name=name, steps=STEPS)
    full, evaluations = rig.counted(model, lambda: rig.core(model, **given))

    (off, report), made = rig.counted(model, lambda: rig.ours(model, "off", **given))
    assert torch.equal(off, full)
    assert report.calls == report.evaluations == made == evaluations

    all_real, report = rig.ours(model, custom_mode=f"calls:{STEPS}", **given)
    assert torch.equal(all_real, full)  # the rehearsal before it has left no trace
    assert report.calls == evaluations

    (fast, report), made = rig.counted(model, lambda: rig.ours(model, custom_mode=f"calls:{REAL}", **given))
    assert report.calls == made
    assert torch.isfinite(fast).all()
    distance = rig.psnr(full, fast)
    record_property("psnr", distance)
    if name in IN_FULL:
        assert torch.equal(fast, full) and made == evaluations
        assert IN_FULL[name] in report.notes[0].text and IN_FULL[name] in report.line()
    else:
        assert made < evaluations == report.evaluations
        codes = [note.code for note in report.notes]
        noisy = any(mark in name for mark in NOISY)
        assert codes == (["adds-noise"] if noisy else ["sampler-unknown"] if name in UNREHEARSED else [])
        if name != "dpm_fast":  # its steps are not the schedule's
            assert report.sequence.count("R") == REAL
            assert all(len({r.kind for r in report.records if r.step == step}) == 1 for step in range(report.steps))
        # 10 steps of a small picture; where a sampler adds noise, that decides. docs/compatibility.md has more
        assert distance > (5 if noisy or name == "dpm_fast" else 15)
