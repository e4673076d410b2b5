"""``fsampler doctor`` on a real server with this pack."""

import json

from comfyui_fsampler import __version__
from comfyui_fsampler.tools import cli
from comfyui_fsampler.tools.convert.known import MODE_AT


def test_it_finds_the_pack_and_what_runs_in_full(server, capsys):
    assert cli.main(["doctor", "--server", server.address, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["server"]
    assert found["pack"] == {"folder": "fsampler", "version": __version__, "faults": []}
    assert found["faults"] == [] and found["comfyui"] and found["torch"] and found["devices"]
    offered = server.get("object_info/KSampler")["KSampler"]["input"]["required"]["sampler_name"][0]
    plus = {name for name in offered if name.endswith("_cfg_pp")}
    in_full = {one["sampler"] for one in found["in_full"]}
    assert plus and plus | {"dpm_adaptive", "SamplerEulerCFGpp", "SamplerDPMAdaptative"} <= in_full
    assert "euler" not in in_full
    assert {"EasyCache", "LazyCache"} <= {one["node"] for one in found["caches"]}


def test_where_the_mode_stands_is_where_the_page_puts_it(server):
    """The page saves the value of each widget in the order of the inputs, and one more after a seed, what to do with it
    after a run. Inputs without a widget are those of ComfyUI's and our own types of values."""
    for kind, place in MODE_AT.items():
        one = server.get(f"object_info/{kind}")[kind]
        inputs = {name: one["input"][group][name] for group, names in one["input_order"].items() for name in names}
        widgets = []
        for name, (type_, *rest) in ((name, given) for name, given in inputs.items() if isinstance(given, list)):
            if isinstance(type_, list) or type_ in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"):
                control = any(given.get("control_after_generate") for given in rest)
                widgets += [name, "what to do with it"] if control else [name]
        assert widgets[place : place + 2] == ["mode", "custom_mode"], (kind, widgets)
