"""FSampler Report in whole prompts, by ComfyUI's own executor: the run behind the latent, or a sentence, and never
another run."""

import collections
import inspect
import json
import sys
import types

import execution
import pytest
import rig
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS

import nodes

SAMPLER = {"seed": 1, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}


class Load:
    """The demo model, a conditioning and an empty latent."""

    FUNCTION, RETURN_TYPES = "load", ("MODEL", "CONDITIONING", "LATENT")

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def load(self):
        return rig.model(), rig.conditionings()["positive"], rig.latent(size=8)


class Sink:
    """Wants the latents."""

    FUNCTION, RETURN_TYPES, OUTPUT_NODE = "sink", (), True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"latent": ("LATENT",)}}

    def sink(self, latent):
        return {}


@pytest.fixture
def comfy(monkeypatch):
    """Runs prompts on one executor, so that what does not change is kept: ``run(prompt)`` -> line of each report."""
    monkeypatch.setattr(nodes, "NODE_CLASS_MAPPINGS", {**nodes.NODE_CLASS_MAPPINGS, **OURS, "Load": Load, "Sink": Sink})
    server = types.SimpleNamespace(client_id=None, last_node_id=None, last_prompt_id=None, said=[])
    server.send_sync = lambda *_: None
    server.send_progress_text = lambda text, node, sid=None: server.said.append((node, text, sid))
    module = types.SimpleNamespace(PromptServer=types.SimpleNamespace(instance=server))
    monkeypatch.setitem(sys.modules, "server", module)
    known = inspect.signature(execution.PromptExecutor).parameters
    sizes = {"cache_args": collections.defaultdict(float)} if "cache_args" in known else {}
    executor, count = execution.PromptExecutor(server, execution.CacheType.CLASSIC, **sizes), []

    def run(prompt, **page):
        count.append(1)
        outputs = [key for key, node in prompt.items() if node["class_type"] in ("Sink", "FSamplerReport")]
        executor.execute(prompt, f"prompt {len(count)}", page, outputs)
        assert executor.success, executor.status_messages
        told = executor.history_result["outputs"]
        return {key: outcome["text"][0] for key, outcome in told.items() if "text" in outcome}

    run.server, run.executor = server, executor
    return run


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def sampler(model, steps, latent=("load", 2), seed=1, kind="KSampler", **more):
    given = SAMPLER | {"seed": seed, "steps": steps, "latent_image": list(latent), **more}
    return node(kind, model=list(model), positive=["load", 1], negative=["load", 1], **given)


def graph(**others):
    return {"load": node("Load"), "skip": node("FSamplerModel", model=["load", 0], mode="h2, 3"), **others}


def report(source="skip", latent=None, slot=1):
    links = {} if source is None else {"report": [source, slot]}
    return node("FSamplerReport", **links, **({} if latent is None else {"latent": [latent, 0]}))


def test_without_a_latent_it_never_shows_an_earlier_prompts_run(comfy):
    for steps in (6, 7):
        prompt = graph(k=sampler(("skip", 0), steps), sink=node("Sink", latent=["k", 0]), r=report())
        told = comfy(dict(reversed(prompt.items())))["r"]
        assert f"/{steps} calls" in told or "connect its latent" in told


def test_with_a_latent_it_is_that_samplers_run_also_when_nothing_runs_again(comfy):
    """Two samplers one after the other on one FSampler (model), each with a report; then the same prompt again; then
    one of the two anew."""

    def prompt(seed):
        first, second = sampler(("skip", 0), 6), sampler(("skip", 0), 8, latent=("a", 0), seed=seed, denoise=0.9)
        return graph(a=first, b=second, ra=report(latent="a"), rb=report(latent="b"))

    for seed in (1, 1, 2, 2, 3):
        told = comfy(prompt(seed))
        assert "5/6 calls" in told["ra"] and "7/8 calls" in told["rb"]


def test_a_latent_kept_from_one_of_several_runs(comfy):
    """A report that comes only after the runs cannot know which made the latent; one that has seen it can."""
    with_report = graph(k=sampler(("skip", 0), 6), r=report(latent="k"))
    assert "5/6 calls" in comfy(with_report)["r"]
    without = graph(k=sampler(("skip", 0), 7), sink=node("Sink", latent=["k", 0]))
    comfy(without)
    assert "which" in comfy({**without, "r": report(latent="k")})["r"]


def test_a_latent_of_a_sampler_that_does_not_skip(comfy):
    prompt = graph(k=sampler(("skip", 0), 6), plain=sampler(("load", 0), 7), r=report(latent="plain"))
    prompt["sink"] = node("Sink", latent=["k", 0])
    told = comfy(prompt)["r"]
    assert "calls (" not in told and "connect" in told


def test_a_ksampler_needs_no_latent(comfy):
    for steps in (6, 7, 7):
        mine = sampler(("load", 0), steps, kind="FSamplerKSampler", mode="h2, 3")
        assert f"{steps - 1}/{steps} calls" in comfy(graph(k=mine, r=report("k")))["r"]


def test_a_bypassed_node_is_said_to_be(comfy):
    told = comfy(graph(k=sampler(("load", 0), 6), sink=node("Sink", latent=["k", 0]), r=report(None, "k")))["r"]
    assert told.startswith("FSampler (bypassed): ")


def test_two_nodes_alike_have_reports_of_their_own(comfy):
    prompt = graph(again=node("FSamplerModel", model=["load", 0], mode="h2, 3"))
    prompt |= {"a": sampler(("skip", 0), 6), "b": sampler(("again", 0), 8)}
    prompt |= {"ra": report("skip", "a"), "rb": report("again", "b")}
    told = comfy(prompt)
    assert "5/6 calls" in told["ra"] and "7/8 calls" in told["rb"]


@pytest.mark.parametrize("last", ["FSamplerModel", "FSamplerKSampler"])
def test_of_two_in_a_chain_the_last_is_used_and_both_say_so(comfy, last):
    if last == "FSamplerModel":
        chain = {"then": node(last, model=["skip", 0], mode="h2, 3, 5"), "k": sampler(("then", 0), 8)}
        reports = {"first": report("skip", "k"), "second": report("then", "k")}
    else:
        chain = {"k": sampler(("skip", 0), 8, kind=last, mode="h2, 3, 5")}
        reports = {"first": report("skip", "k"), "second": report("k")}
    told = comfy(graph(**chain, **reports))
    assert "another FSampler node was used" in told["first"] and "calls (" not in told["first"]
    assert "6/8 calls" in told["second"] and "another FSampler node in this chain is not used" in told["second"]


def test_a_text_connected_to_mode(comfy):
    prompt = graph(text=node("PrimitiveString", value="calls: 5"), k=sampler(("skip", 0), 8), r=report(latent="k"))
    if "PrimitiveString" not in nodes.NODE_CLASS_MAPPINGS:
        from comfy_extras.nodes_primitive import String

        nodes.NODE_CLASS_MAPPINGS["PrimitiveString"] = String
    prompt["skip"]["inputs"]["mode"] = ["text", 0]
    assert "calls:5: 5/8 calls" in comfy(prompt)["r"]


def test_the_node_that_skips_shows_its_line(comfy):
    """The FSampler node's own, also where another node samples; and to nobody but the page that has queued it."""
    comfy(graph(k=sampler(("skip", 0), 6), sink=node("Sink", latent=["k", 0])), client_id="page")
    said = comfy.server.said
    calls = [1, 2, 3, 3, 4, 5]
    assert {(where, sid) for where, _, sid in said} == {("skip", "page")}
    steps = [f"step {i} of 6, {n} call{'s' * (n > 1)}" for i, n in enumerate(calls, 1)]
    assert [text for _, text, _ in said[:-1]] == steps and said[-1][1].startswith("5 of 6 calls")
    said.clear()
    comfy(graph(k=sampler(("skip", 0), 7), sink=node("Sink", latent=["k", 0])))  # by a script that has no page
    assert not said


def test_the_json_has_the_seconds(comfy):
    comfy(graph(k=sampler(("skip", 0), 6), r=report(latent="k")))
    data = json.loads(comfy.executor.history_result["outputs"]["r"]["json"][0])
    assert data["calls"] == 5 and data["seconds"] > 0 and data["speedup"] > 0
