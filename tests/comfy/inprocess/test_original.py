"""The original pack's nodes: their interface is its 1.5.0's, and what its older versions saved still runs."""

import asyncio
import json
import logging
from pathlib import Path

import execution
import pack
import pytest
import rig
import torch
from comfyui_fsampler.nodes import NODES, unregistered

import nodes as core

WORKFLOWS = Path(__file__).parents[1] / "workflows"
IDS = ("FSampler", "FSamplerAdvanced", "FSamplerSelect")

# What follows is written down from the definitions in obisin/ComfyUI-FSampler 1.5.0, nodes.py.
SCHEDULERS = (
    "simple normal sgm_uniform ddim_uniform beta linear_quadratic karras exponential polyexponential vp laplace "
    "kl_optimal beta57 bong_tangent bong_tangent_2 bong_tangent_2_simple constant fibonacci fibonacci_rev"
).split()
SAMPLERS = (
    "euler res_2m res_2s ddim dpmpp_2m dpmpp_2s lms res_multistep res_multistep_ancestral heun gradient_estimation"
).split()
SKIP_MODES = "none h2/s2 h2/s3 h2/s4 h2/s5 h3/s3 h3/s4 h3/s5 h4/s4 h4/s5 adaptive".split()
OFF, ON = ("BOOLEAN", {"default": False}), ("BOOLEAN", {"default": True})
INPUTS = {
    "model": ("MODEL", {}),
    "positive": ("CONDITIONING", {}),
    "negative": ("CONDITIONING", {}),
    "latent_image": ("LATENT", {}),
    "seed": ("INT", {"default": 0, "min": 0, "max": 2**64 - 1}),
    "steps": ("INT", {"default": 25, "min": 1, "max": 150}),
    "cfg": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 100.0, "step": 0.05}),
    "scheduler": (SCHEDULERS, {"default": "simple"}),
    "sampler": (SAMPLERS, {"default": "euler"}),
    "protect_first_steps": ("INT", {"default": 2, "min": 0, "max": 20}),
    "protect_last_steps": ("INT", {"default": 2, "min": 1, "max": 100}),
    "adaptive_mode": (["none", "learning", "grad_est", "learn+grad_est"], {"default": "none"}),
    "smoothing_beta": ("FLOAT", {"default": 0.999, "min": 0.0, "max": 0.9999, "step": 0.0001}),
    "skip_mode": (SKIP_MODES, {"default": "none"}),
    "skip_indices": ("STRING", {"default": "", "multiline": False}),
    "anchor_interval": ("INT", {"default": 4, "min": 0, "max": 100}),
    "max_consecutive_skips": ("INT", {"default": 4, "min": 1, "max": 100}),
    "start_at_step": ("INT", {"default": -1, "min": -1, "max": 10000}),
    "end_at_step": ("INT", {"default": -1, "min": -1, "max": 10000}),
    "add_noise": ("FLOAT", {"default": 0.0, "min": 0.0, "max": 1.0, "step": 0.01}),
    "noise_type": (["whitened", "gaussian"], {"default": "whitened"}),
    "denoise": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0}),
    "verbose": OFF,
    "no_grad": ON,
    "official_comfy": ON,
    "sigma_aware": OFF,
    "extrapolate_denoised": OFF,
}
ORDER = {
    "FSampler": (
        "model positive negative latent_image seed steps cfg scheduler sampler skip_mode add_noise denoise verbose"
    ),
    "FSamplerAdvanced": " ".join(INPUTS),
    "FSamplerSelect": (
        "model steps scheduler sampler denoise skip_mode skip_indices adaptive_mode smoothing_beta protect_first_steps "
        "protect_last_steps anchor_interval max_consecutive_skips add_noise noise_type verbose no_grad official_comfy "
        "sigma_aware extrapolate_denoised"
    ),
}
STEP = {("FSampler", "add_noise"): 0.05, ("FSampler", "denoise"): 0.01, ("FSamplerSelect", "denoise"): 0.01}
OUTPUTS = {
    "FSampler": (("LATENT",), None),
    "FSamplerAdvanced": (("LATENT", "STRING"), ("samples", "metadata")),
    "FSamplerSelect": (("SAMPLER", "SIGMAS"), ("sampler", "sigmas")),
}

# Inputs that a published version lacked, by node and date of the version (its git history; the first two, and what
# the registry has as 1.0.2, are of October 2025).
LACKED = {
    ("FSampler", "2025-10"): "add_noise denoise",
    ("FSamplerAdvanced", "2025-10-05"): "skip_indices no_grad official_comfy sigma_aware extrapolate_denoised",
    ("FSamplerAdvanced", "2025-10-06"): "skip_indices sigma_aware extrapolate_denoised",
    ("FSamplerAdvanced", "1.0.2"): "sigma_aware extrapolate_denoised",
}


def offered(name):
    """All inputs in the order of their widgets, tooltips left out."""
    types = rig.OURS[name].INPUT_TYPES()
    both = {**types["required"], **types.get("optional", {})}
    return {n: (kind, {k: v for k, v in o.items() if k != "tooltip"}) for n, (kind, o) in both.items()}


@pytest.mark.parametrize("name", IDS)
def test_interface(name):
    expected = {n: INPUTS[n] for n in ORDER[name].split()}
    for (node, n), step in STEP.items():
        if node == name:
            expected[n] = (expected[n][0], expected[n][1] | {"step": step})
    assert list(offered(name)) == list(expected)
    assert offered(name) == expected
    node = rig.OURS[name]
    assert (node.RETURN_TYPES, getattr(node, "RETURN_NAMES", None)) == OUTPUTS[name]
    assert node.DEPRECATED and "old graphs" in node.DESCRIPTION and node.CATEGORY.endswith("sampling/FSampler")


@pytest.mark.parametrize("name", IDS)
def test_every_input_has_words(name):
    types = rig.OURS[name].INPUT_TYPES()
    assert all(options["tooltip"] for group in types.values() for _, options in group.values())


def defaults(name):
    given = {n: options["default"] for n, (_, options) in offered(name).items() if "default" in options}
    return given | {"steps": 8, "cfg": 2.0}


def links():
    return {"model": rig.model(), "latent_image": rig.latent(), **rig.conditionings()}


def call(name, **inputs):
    node = rig.OURS[name]
    return getattr(node(), node.FUNCTION)(**inputs)


@pytest.mark.parametrize("name, version", LACKED)
def test_graphs_of_older_versions(name, version):
    """API form: without the inputs that the version lacked, which are then the defaults."""
    lacked = LACKED[name, version].split()
    now = defaults(name) | {"skip_mode": "h2/s2"}
    then = {n: value for n, value in now.items() if n not in lacked}
    assert set(rig.OURS[name].INPUT_TYPES()["required"]) <= {*then, *links()}
    assert torch.equal(call(name, **links(), **then)[0]["samples"], call(name, **links(), **now)[0]["samples"])


@pytest.fixture
def registered(monkeypatch):
    known = core.NODE_CLASS_MAPPINGS | pack.NODE_CLASS_MAPPINGS | {name: rig.OURS[name] for name in IDS}
    monkeypatch.setattr(core, "NODE_CLASS_MAPPINGS", known)


def prompt_of(workflow):
    """The API form of a file: what the frontend makes of positional widget values."""
    graph = json.loads((WORKFLOWS / workflow).read_text())
    sources = {link[0]: [str(link[1]), link[2]] for link in graph["links"]}
    prompt = {}
    for node in graph["nodes"]:
        types = core.NODE_CLASS_MAPPINGS[node["type"]].INPUT_TYPES()
        values, inputs = list(node["widgets_values"]), {}
        linked = {i["name"]: sources[i["link"]] for i in node["inputs"]}
        for name, (kind, *options) in ({**types["required"], **types.get("optional", {})}).items():
            if name in linked:
                inputs[name] = linked[name]
            elif isinstance(kind, list) or kind in ("INT", "FLOAT", "STRING", "BOOLEAN"):
                inputs[name] = values.pop(0) if values else options[0]["default"]
                if name == "seed":
                    assert values.pop(0) == "fixed"
        assert not values
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


@pytest.mark.parametrize("workflow", sorted(path.name for path in WORKFLOWS.glob("original_*.json")))
def test_saved_graphs_are_valid_and_run(workflow, registered):
    graph = json.loads((WORKFLOWS / workflow).read_text())
    ends = {node["id"]: node for node in graph["nodes"]}
    for number, source, slot, target, place, kind in graph["links"]:
        assert number in ends[source]["outputs"][slot]["links"] and ends[source]["outputs"][slot]["type"] == kind
        assert ends[target]["inputs"][place]["link"] == number and ends[target]["inputs"][place]["type"] == kind
    prompt = prompt_of(workflow)
    valid, error, outputs, node_errors = asyncio.run(execution.validate_prompt("1", prompt, None))
    assert valid and not error and not node_errors and outputs == ["7"]
    given = {n: v for n, v in prompt["5"]["inputs"].items() if not isinstance(v, list)}
    assert torch.isfinite(call(prompt["5"]["class_type"], **links(), **given)[0]["samples"]).all()


def test_an_unlisted_scheduler_is_refused(registered):
    prompt = prompt_of("original_fsampler.json")
    prompt["5"]["inputs"]["scheduler"] = "zigzag"
    assert not asyncio.run(execution.validate_prompt("1", prompt, None))[0]


def test_unknown_links_are_ignored():
    assert len(call("FSampler", **links(), **defaults("FSampler"), extra=object())) == 1
    assert len(call("FSamplerAdvanced", **links(), **defaults("FSamplerAdvanced"), extra=object())) == 2


def test_ids_of_the_original_pack_are_left_to_it(caplog):
    caplog.set_level(logging.INFO, "comfyui_fsampler")
    theirs = {name: type(name, (), {}) for name in IDS}
    left = unregistered(NODES, theirs)
    assert set(NODES) - set(left) == set(IDS)
    (record,) = caplog.records
    assert all(name in record.getMessage() for name in IDS)
    assert set(unregistered(NODES, {})) == set(NODES)
