"""FSampler Report shows the last run, whichever node it comes from; and says so when there was none."""

import json

import pytest
import rig
import torch
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS
from comfyui_fsampler.nodes.reports import Reports


def show(reports):
    shown = OURS["FSamplerReport"]().show(reports)
    text, data, chart = shown["result"]
    assert chart.shape[0] == 1 and chart.shape[3] == 3 and chart.dtype == torch.float32
    assert 0 <= chart.min() < chart.max() <= 1
    return text, json.loads(data), shown["ui"]


def test_the_last_run():
    model, reports = rig.patched(rig.model(), "h2/s2")
    for steps in (8, 12):
        rig.core(model, steps=steps)
    text, data, ui = show(reports)
    report = reports.runs[-1]
    assert data == report.to_dict() and data["steps"] == 12 and len(data["records"]) == 12
    assert text.endswith(report.line()) and ui["text"] == [report.line()]
    assert json.loads(ui["json"][0]) == data  # what the node draws its chart of
    assert [line.split()[2] for line in text.splitlines()[1:13]] == [record.kind for record in report.records]


def test_no_run_yet():
    text, data, ui = show(Reports())
    assert data["evaluations"] == 0 and not data["records"]
    assert "no sampler has run with this yet" in text and "no sampler has run with this yet" in ui["text"][0]


@pytest.mark.parametrize("mode", ["off", "balanced"])
def test_a_report_of_each_kind_of_run(mode):
    for sampler in ("euler", "euler_cfg_pp", "heun"):
        model, reports = rig.patched(rig.model("eps"), mode)
        rig.core(model, sampler_name=sampler, steps=6)
        _, data, _ = show(reports)
        assert data["mode"] == mode and data["calls"] <= data["evaluations"]


def test_it_is_never_cached():
    """A model node is not executed again for a second run; its report is another one all the same."""
    first, second = (OURS["FSamplerReport"].IS_CHANGED(report=None) for _ in range(2))
    assert first != second


def test_a_report_does_not_grow_without_end():
    model, reports = rig.patched(rig.model(), "off")
    for seed in range(18):
        rig.core(model, steps=1, seed=seed)
    assert len(reports.runs) == 16
