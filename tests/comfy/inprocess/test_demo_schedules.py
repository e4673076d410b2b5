"""The schedules of the demo are ComfyUI's, whatever the shift and the number of steps."""

import comfy.model_sampling
import comfy.samplers
import pytest
import rig
import torch
from fsampler_research.demo.schedules import FLOW_ONLY, SCHEDULES, sigmas_for

SHARED = [name for name in SCHEDULES if name not in FLOW_ONLY]
STEPS = (2, 7, 20, 30, 50, 60)


@pytest.mark.parametrize("schedule", SHARED)
@pytest.mark.parametrize("shift", [1.0, 3.0, 8.0, 12.0])
def test_flow(schedule, shift):
    sampling = comfy.model_sampling.ModelSamplingDiscreteFlow()
    sampling.set_parameters(shift=shift)
    for steps in STEPS:
        expected = comfy.samplers.calculate_sigmas(sampling, schedule, steps)
        torch.testing.assert_close(sigmas_for(schedule, "flow", steps, shift), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("schedule", SHARED)
def test_ve(schedule):
    for steps in STEPS:
        expected = comfy.samplers.calculate_sigmas(comfy.model_sampling.ModelSamplingDiscrete(), schedule, steps)
        torch.testing.assert_close(sigmas_for(schedule, "eps", steps), expected, rtol=1e-5, atol=0)


@pytest.mark.skipif(not rig.has_node("nodes_flux", "Flux2Scheduler"), reason="newer than this ComfyUI")
def test_flux2():
    for steps in STEPS:
        (expected,) = rig.node("nodes_flux", "Flux2Scheduler", steps=steps, width=1024, height=1024)
        torch.testing.assert_close(sigmas_for("flux2", "flow", steps), expected, rtol=1e-5, atol=0)
