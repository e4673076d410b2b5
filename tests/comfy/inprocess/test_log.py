"""One INFO line a run in the documented form, and no other output."""

import re

import pytest
import rig

TIMES = r"(?:, [\d.]+x, about [\d.]+ s (?:saved|lost))?"  # where they are worth a word
FORM = rf"FSampler %s: (\d+)/(\d+) calls \((\d+) %% skipped\){TIMES}(, estimate [\d.e-]+)?(; .+)?"


@pytest.mark.parametrize(
    ("mode", "sampler"),
    [
        ("fast", "euler"),
        ("balanced", "heun"),
        ("h2/s2", "euler_ancestral"),
        ("adaptive", "euler"),
        ("off", "euler"),
        ("calls:7", "dpm_adaptive"),
        ("turbo", "euler_cfg_pp"),
    ],
)
def test_one_line(mode, sampler, caplog, capsys):
    caplog.set_level("DEBUG", "comfyui_fsampler")
    _, report = rig.ours(rig.model("eps"), custom_mode=mode, sampler_name=sampler, steps=12)
    (record,) = [r for r in caplog.records if r.name.startswith("comfyui_fsampler")]
    assert record.levelname == "INFO"
    calls, total, share = map(int, re.fullmatch(FORM % re.escape(mode), record.getMessage()).groups()[:3])
    assert (calls, total) == (report.calls, report.evaluations) and share == round(100 * (total - calls) / total)
    out, err = capsys.readouterr()
    assert not out and "FSampler" not in err


def test_the_example_of_the_documentation(caplog):
    caplog.set_level("INFO", "comfyui_fsampler")
    rig.ours(rig.model("eps"), "fast", steps=20)
    text = caplog.records[-1].getMessage()
    assert re.fullmatch(rf"FSampler fast: \d+/20 calls \(\d+ % skipped\){TIMES}, estimate 0\.\d+", text)
