"""The pack in a running ComfyUI: how it loads, what it offers, what it refuses, errors, cancels, previews."""

import json
import re

import pytest
from comfyui_fsampler.fsampler import Config
from graphs import STEPS, custom, ksampler, ours, ours_graph, sources
from server import Refused, Server

TITLES = {
    "FSamplerModel": "FSampler (model)",
    "FSamplerKSampler": "KSampler (FSampler)",
    "FSamplerKSamplerAdvanced": "KSampler Advanced (FSampler)",
    "FSamplerSampler": "FSampler Sampler",
    "FSamplerSolver": "FSampler Solver",
    "FSamplerSettings": "FSampler Settings",
    "FSamplerReport": "FSampler Report",
    "FSamplerRecord": "FSampler Record",
    "FSamplerCompare": "FSampler Compare",
}
ORIGINAL = ("FSampler", "FSamplerAdvanced", "FSamplerSelect")
TWINS = {"FSamplerKSampler": "KSampler", "FSamplerKSamplerAdvanced": "KSamplerAdvanced"}


@pytest.fixture(scope="module")
def offered(server):
    """/object_info of our nodes."""
    nodes = server.get("object_info").items()
    return {name: node for name, node in nodes if node["python_module"] == "custom_nodes.fsampler"}


def inputs(node):
    """Name and definition of the inputs, in their order."""
    groups = ("required", "optional")
    return {name: node["input"][group][name] for group in groups for name in node["input_order"].get(group, [])}


def lines_of_ours(log):
    return [line for line in log.splitlines() if "fsampler" in line.lower()]


def test_the_pack_loads_silently(server):
    """Two lines name our folders, and those are ComfyUI's own, of its import times."""
    ours = [line for line in lines_of_ours(server.startup) if not line.rstrip().endswith("fsampler_test")]
    assert len(ours) == 1, ours
    assert re.search(r"\d+\.\d+ seconds: \S+/custom_nodes/fsampler$", ours[0]), ours


def test_every_node_is_offered_under_its_name(offered):
    assert {name: offered[name]["display_name"] for name in TITLES} == TITLES
    assert {name: node["display_name"] for name, node in offered.items() if name not in (*TITLES, *ORIGINAL)} == {}


def test_every_node_says_what_it_is(offered, server):
    core = server.get("object_info/KSampler")["KSampler"]["category"]
    for name, node in offered.items():
        assert node["category"] == f"{core}/FSampler", name
        assert node["description"], name
        assert len(node["output_name"]) == len(node["output"]), name


def test_every_input_has_a_tooltip(offered, server):
    """But those that KSamplerAdvanced has without one."""
    advanced = inputs(server.get("object_info/KSamplerAdvanced")["KSamplerAdvanced"])
    untold = {
        f"{node}.{name}"
        for node, info in offered.items()
        for name, definition in inputs(info).items()
        if len(definition) < 2 or not definition[1].get("tooltip")
    }
    assert untold <= {f"FSamplerKSamplerAdvanced.{name}" for name in advanced}


def test_the_original_packs_nodes_are_there_and_deprecated(offered):
    assert {name: offered[name].get("deprecated") for name in ORIGINAL} == dict.fromkeys(ORIGINAL, True)
    assert not any(offered[name].get("deprecated") for name in TITLES)


@pytest.mark.parametrize("name", TWINS)
def test_our_ksamplers_have_cores_inputs_then_ours(name, offered, server):
    """In the order in which a workflow saves values: widgets and links both."""
    core = inputs(server.get(f"object_info/{TWINS[name]}")[TWINS[name]])
    assert list(inputs(offered[name])) == [*core, "mode", "custom_mode", "settings"]
    assert {key: inputs(offered[name])[key] for key in core} == core


@pytest.mark.parametrize("mode", ["h2/x3", "calls:", "turbo!", "calls:0.5", "12", "sometimes"])
def test_a_wrong_custom_mode_is_refused_with_the_engines_message(mode, client):
    with pytest.raises(ValueError, match="unknown mode") as engine:
        Config.parse(mode)
    for graph in (ours_graph(custom_mode=mode), ours_graph("off", custom_mode=mode), ours_graph(mode)):
        with pytest.raises(Refused) as refused:
            client.queue(graph)
        assert list(refused.value.node_errors) == ["sampler"]
        assert all(str(engine.value) in details for details in refused.value.details())


def test_a_mode_the_run_cannot_have_fails_clearly_and_the_next_prompt_runs(client, server):
    start = len(server.log())
    failed = client.run(ours_graph(custom_mode="calls:2"))
    kind, data = failed.end
    assert kind == "execution_error" and data["node_id"] == "sampler"
    assert data["exception_message"].startswith(f"calls:2 in a run of {STEPS} steps; expected")
    assert "9/20" not in server.log(start)
    assert "calls:9: 9/20 calls" in client.success(ours_graph(custom_mode="calls:9")).text("report")


def test_a_mode_for_a_longer_run_makes_every_call_and_says_so(client):
    report = client.success(ours_graph("calls: 99")).text("report")  # in mode itself, which takes every text
    assert f"calls:99: {STEPS}/{STEPS} calls" in report and f"fewer steps ({STEPS}) than the 99 calls" in report
    assert "listed beyond the run's last step" in client.success(ours_graph(custom_mode="h2, 3, 99")).text("report")


def test_one_line_a_run_and_no_traceback(client, server):
    start = len(server.log())
    for seed, mode in ((1, "balanced"), (2, "fast"), (2, "off")):
        client.success(ours_graph(mode, seed=seed))
    log = server.log(start)
    lines = lines_of_ours(log)
    assert [re.search(r"FSampler (\w+): \d+/20 calls", line)[1] for line in lines] == ["balanced", "fast", "off"], lines
    assert "Traceback" not in log and "[WARNING]" not in log


def test_an_interrupt_while_skipping_ends_the_run_within_a_step(client, server):
    """The slow sampler counts the steps that it took after the interrupt was set."""
    graph = custom(
        "skipping",
        euler={"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        slow={"class_type": "FSamplerTestSlow", "inputs": {"sampler": ["euler", 0], "seconds": 0.2}},
        settings={"class_type": "FSamplerSettings", "inputs": settings(max_consecutive_skips=100)},
        skipping={
            "class_type": "FSamplerSampler",
            "inputs": {
                "sampler": ["slow", 0],
                "mode": "off",
                "custom_mode": "calls:5",
                "settings": ["settings", 0],
            },
        },
        report={"class_type": "FSamplerReport", "inputs": {"report": ["skipping", 1], "latent": ["sampling", 0]}},
        json={"class_type": "PreviewAny", "inputs": {"source": ["report", 1]}},
    )
    sequence = json.loads(client.success(graph).text("json"))["sequence"]
    gap = max(re.finditer("S+", sequence), key=lambda found: len(found[0]))
    assert len(gap[0]) >= 5, sequence

    graph["noise"]["inputs"]["noise_seed"] += 1
    start = len(server.log())
    prompt_id = client.queue(graph)
    server.wait(f"slow sampler: step {gap.start()}\n", start)
    server.interrupt()
    for _ in client.messages(prompt_id):
        pass
    steps = [int(step) for step in re.findall(r"slow sampler: step (\d+)", server.log(start))]
    assert steps[-1] < gap.end() - 1, (steps, sequence)
    assert re.search(r"slow sampler: [01] steps after an interrupt", server.log(start))
    assert server.history(prompt_id)["status"]["messages"][-1][0] == "execution_interrupted"
    assert "calls:5: 5/20 calls" in client.success(graph).text("report")


def settings(**changed):
    """Inputs of FSampler Settings, all of them as the mode says but ``changed``."""
    said = dict.fromkeys(("order", "space", "nodes", "stabilizer", "correct"), "as the mode says")
    numbers = ("protect_first", "protect_last", "anchor_interval", "max_consecutive_skips", "beta", "gamma")
    return said | dict.fromkeys(numbers, -1) | changed


@pytest.mark.parametrize("class_type", ["KSampler", "FSamplerKSampler"])
def test_progress_and_previews_count_every_step_skipped_or_not(class_type, client):
    sampler = ksampler() if class_type == "KSampler" else ours("turbo")
    run = client.success(
        {
            **sources(),
            "sampler": sampler,
            "out": {
                "class_type": "PreviewAny",
                "inputs": {"source": ["sampler", 0]},
            },
        }
    )
    assert run.steps("sampler") == [*range(1, STEPS + 1)]
    assert len(run.of("preview")) == STEPS
    assert all(data.startswith(b"\xff\xd8") for data in run.of("preview"))


def test_no_previews_where_they_are_off(comfyui, tmp_path):
    with Server(comfyui, tmp_path / "base", "--preview-method", "none") as server, server.client() as client:
        run = client.success(ours_graph("turbo"))
    assert run.steps("sampler")[-1] == STEPS  # 0.33 leaves some out where there is no preview
    assert not run.of("preview")
