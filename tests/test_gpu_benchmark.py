"""The GPU benchmark on a CPU: its arithmetic with clocks and models that are known, and its networks at a tiny size."""

import contextlib
import json
import types
import warnings

import comfyui_fsampler.fsampler.measure as measurement
import pytest
import torch
from comfyui_fsampler.fsampler import paper
from fsampler_research.benchmarks import giants, gpu

CPU = torch.device("cpu")
X, SIGMAS = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0)), torch.linspace(1, 0, 9)


def smooth(x, sigma):
    return x / (1 + sigma)


# ---- the command


def test_without_cuda_it_says_so_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) is None
    out = capsys.readouterr().out
    assert out.startswith("skipped: torch ") and "CUDA" in out and out.count("\n") == 1


def test_the_tiny_size_runs_every_part_of_it(tmp_path, capsys):
    file = tmp_path / "figures.json"
    gpu.main(["--device", "cpu", "--size", "tiny", "--steps", "10", "--repeat", "1", "--json", str(file)])
    out, found = capsys.readouterr().out, json.loads(file.read_text())
    assert f"torch {torch.__version__}" in out and list(found["models"]) == ["flux", "wan"]
    for name, variants in found["models"].items():
        assert list(variants) == ["eager", "compile"] and f"\n{name}, latent 1x16x" in out
        for figures in variants.values():
            assert set(figures) == {*gpu.TARGETS, "skipped", "steps"}
            assert (figures["skipped"], figures["steps"]) == (5, 10)
            assert figures["call_s"] > 0 and figures["real_ms"] > 0 and figures["skip_ms"] > 0
            assert figures["real_share"] == pytest.approx(figures["real_ms"] / 1000 / figures["call_s"])
            assert figures["skip_share"] == pytest.approx(figures["skip_ms"] / 1000 / figures["call_s"])
            assert 2 < figures["extra_latents"] <= 6
    lines = [line for line in out.splitlines() if line.startswith("| ")]
    assert len(lines) == 2 * (2 + len(gpu.TARGETS)) and all(line.count("|") == 5 for line in lines)
    assert sum("met" in line or "missed" in line for line in lines) == 2 * sum(t.bound != "" for t in TARGETS)


TARGETS = gpu.TARGETS.values()


@pytest.mark.parametrize(
    "wrong, error",
    [
        (["--models", "flux,sdxl"], "unknown model 'sdxl'; expected some of flux,wan"),
        (["--device", "cpu", "--variants", "fast"], "unknown variant 'fast'; expected some of eager,compile"),
        (["--steps", "9"], "9 steps, 3 repeats; expected 10 or more, and 1 or more"),
    ],
)
def test_wrong_arguments_are_refused(wrong, error, capsys):
    with pytest.raises(SystemExit):
        gpu.main(wrong)
    assert error in capsys.readouterr().err


@pytest.mark.parametrize(
    "key, good, bad",
    [
        ("real_share", 0.003, 0.0031),
        ("skip_share", 0.001, 0.01),
        ("syncs", 1, 2),
        ("extra_latents", 6.0, 6.1),
        ("saved_share", 0.97, 0.969),
    ],
)
def test_a_figure_keeps_its_target_or_misses_it(key, good, bad):
    target = gpu.TARGETS[key]
    assert target.cell(good).endswith(", met") and target.cell(bad).endswith(", missed")
    assert target.bound


# ---- what is measured


def ticking(monkeypatch, model_ticks):
    """A clock that the model advances by ``model_ticks`` and FSampler's look by 1; and the model."""
    ticks, read = [0], measurement.transfer

    def look(figures):
        ticks[0] += 1
        return read(figures)

    def model(x, sigma):
        ticks[0] += model_ticks
        return smooth(x, sigma)

    monkeypatch.setattr(measurement, "transfer", look)
    return lambda: ticks[0], model


def test_a_steps_own_share_is_without_the_models(monkeypatch):
    now, model = ticking(monkeypatch, 100)
    run = gpu.run(model, X, SIGMAS, gpu.HALF, now)
    difference = lambda begin, end: end - begin  # noqa: E731
    assert len(run.kinds) == 8 and run.kinds.count("SKIP") == 4
    assert run.own(difference, range(8)) == [1] * 8 and run.of_calls(difference) == [100] * 4
    assert [call is None for call in run.calls] == [kind == "SKIP" for kind in run.kinds]
    full = gpu.run(model, X, SIGMAS, gpu.FULL, now)
    assert full.own(difference, range(8)) == [0] * 8 and full.of_calls(difference) == [100] * 8


def test_corrected_steps_are_those_after_gaps_but_for_the_last():
    kinds = ["REAL" if letter == "R" else "SKIP" for letter in "RRRSRRSSRSR"]
    assert gpu.after_gaps(kinds) == [4, 8]
    assert gpu.after_gaps(["SKIP", "REAL"]) == gpu.after_gaps(["REAL"] * 4) == []


def warn_of_sync():
    warnings.warn("called a synchronizing CUDA operation", stacklevel=1)


@pytest.mark.parametrize("each", [1, 3])
def test_syncs_of_a_step_are_counted_without_the_models(each, monkeypatch):
    read = measurement.transfer

    def look(figures):
        for _ in range(each):
            warn_of_sync()
        warnings.warn("another matter", stacklevel=1)
        return read(figures)

    def model(x, sigma):
        for _ in range(5):
            warn_of_sync()
        return smooth(x, sigma)

    monkeypatch.setattr(measurement, "transfer", look)
    assert gpu.most_syncs(model, X, SIGMAS) == each


def test_torch_is_asked_for_the_warnings_and_left_as_it_was(monkeypatch):
    modes = []
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)
    with pytest.raises(KeyError), gpu.sync_count(torch.device("cuda")) as count:
        warn_of_sync()
        assert modes == ["warn"] and count() == 1
        raise KeyError
    assert modes == ["warn", "default"]


def test_figures_of_a_model_whose_time_is_known(monkeypatch):
    monkeypatch.setattr(gpu, "HALF", "calls:75%")  # where what is saved is not what is left
    now, model = ticking(monkeypatch, 100)
    monkeypatch.setattr(gpu, "time", types.SimpleNamespace(perf_counter=now))
    figures = gpu.measure(model, X, SIGMAS, repeat=2)
    assert (figures["skipped"], figures["steps"]) == (2, 8)
    assert (figures["call_s"], figures["real_ms"], figures["skip_ms"]) == (100, 1000, 1000)
    assert figures["real_share"] == figures["skip_share"] == 0.01
    assert figures["saved_share"] == (8 * 100 - (6 * 100 + 9)) / 200  # nine looks: one a step, and one at the end


def test_a_model_whose_predictions_cannot_be_used_is_told(monkeypatch):
    monkeypatch.setattr(paper, "rejection", lambda *_, **__: "by the test")
    with pytest.raises(RuntimeError, match=r"^no gap was corrected \(REAL REAL"):
        gpu.measure(smooth, X, SIGMAS, repeat=1)


def test_memory_beyond_the_full_runs_is_counted():
    held = []

    def hoarding(x, sigma):
        if len(held) < 3 and sigma < 0.5:
            held.append(torch.empty_like(x))
        return smooth(x, sigma)

    plain = gpu.peak_bytes(smooth, X, SIGMAS, gpu.FULL)
    assert gpu.peak_bytes(hoarding, X, SIGMAS, gpu.FULL) == plain + 3 * X.nbytes


# ---- CUDA graphs, on a device that plays one


def test_a_graph_is_fed_through_its_own_inputs(monkeypatch):
    class Graph:
        """Replays by running the network again and writing where the captured output lies."""

        def replay(self):
            graphed.output.copy_(network(*graphed.inputs))

    stream = types.SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", lambda _: contextlib.nullcontext())
    network = lambda x, sigma, text: x * sigma.reshape(-1, 1, 1, 1) + text.sum()  # noqa: E731
    text, ones = torch.ones(1, 2, 3), torch.ones(1)
    graphed = gpu.Graphed(network, X, ones, text)
    expected = gpu.run(gpu.denoiser(network, text), X, SIGMAS, gpu.HALF, lambda: None)
    assert gpu.run(gpu.denoiser(graphed, text), X, SIGMAS, gpu.HALF, lambda: None).kinds == expected.kinds
    first = gpu.denoiser(graphed, text)(X, ones)
    kept = first.clone()
    assert torch.equal(gpu.denoiser(graphed, text)(2 * X, ones / 4), gpu.denoiser(network, text)(2 * X, ones / 4))
    assert torch.equal(first, kept)  # the next replay writes over the graph's output, not over what was returned
    assert torch.equal(first, gpu.denoiser(network, text)(X, ones))


# ---- the networks


@pytest.mark.parametrize("name, billions, tokens", [("flux", 11.9, 4096 + 512), ("wan", 14.3, 21 * 30 * 52)])
def test_the_full_networks_have_the_size_of_what_they_stand_for(name, billions, tokens):
    size = giants.SIZES["full"][name]
    network = giants.NETWORKS[name](size, device="meta", dtype=torch.bfloat16)
    assert sum(weight.numel() for weight in network.parameters()) / 1e9 == pytest.approx(billions, abs=0.1)
    assert network.turn.shape == (2, tokens, size.width // size.heads // 2)
    x, text = torch.empty(size.latent, device="meta"), torch.empty(1, *size.text, device="meta")
    answer = network(x.bfloat16(), torch.empty(1, device="meta"), text.bfloat16())
    assert answer.shape == size.latent and answer.dtype == torch.bfloat16


@pytest.mark.parametrize("name", giants.NETWORKS)
def test_every_input_and_every_weight_has_a_say(name):
    size = giants.SIZES["tiny"][name]
    torch.manual_seed(0)
    network = giants.NETWORKS[name](size)
    x, time_, text = torch.randn(size.latent), torch.tensor([0.5]), torch.randn(1, *size.text)
    answer = network(x, time_, text)
    assert answer.shape == size.latent and answer.isfinite().all()
    answer.square().sum().backward()
    silent = [key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    unseen = [key for key in silent if not key.startswith(f"doubles.{size.blocks[0] - 1}.streams.0.")]
    assert unseen == []  # of the last double-stream block the text still speaks through the single-stream ones
    with torch.no_grad():
        assert not torch.equal(network(x, time_ / 2, text), answer)
        assert not torch.equal(network(x, time_, text + 1), answer)
        moved = x.clone()
        moved[..., 0, 0] += 1
        assert (network(moved, time_, text) - answer).abs().amax(dim=1).min() > 0  # attention reaches every place


@pytest.mark.parametrize("name", giants.NETWORKS)
def test_patches_go_back_where_they_came_from(name, monkeypatch):
    size = giants.SIZES["tiny"][name]
    network, seen = giants.NETWORKS[name](size), []
    network.patches, network.final, network.think = torch.nn.Identity(), torch.nn.Identity(), lambda x, *_: x
    monkeypatch.setattr(giants, "modulate", lambda x, *_: seen.append(x) or x)
    x = torch.randn(size.latent)
    assert torch.equal(network(x, torch.ones(1), torch.randn(1, *size.text)), x)
    corner = x.reshape(1, size.latent[1], *[n for n in (size.grid[0], *size.latent[-2:])])[0, :, 0, :2, 2:4]
    assert torch.equal(seen[0][0, 1], corner.flatten())  # the second token is the second patch of the first row


@pytest.mark.parametrize("name", giants.NETWORKS)
def test_rotary_products_depend_on_distance_alone(name):
    """RoFormer's property, along each axis; text tokens stay put."""
    size = giants.SIZES["tiny"][name]
    before, width = size.text[0], size.width // size.heads
    turn, (frames, rows, columns) = giants.rotation(size, before), size.grid
    query, key = torch.randn(2, width, generator=torch.Generator().manual_seed(1))
    tokens = before + frames * rows * columns
    q, k = (giants.rotate(v.expand(1, 1, tokens, width), turn)[0, 0] for v in (query, key))
    torch.testing.assert_close(q[:before], query.expand(before, width))
    products = (q[before:] @ k[before:].T).reshape(*size.grid, *size.grid)
    torch.testing.assert_close(products[0, 0, 0, 0, 2, 3], products[0, 1, 2, 0, 3, 5])
    assert (products[0, 0, 0, 0, 2, 3] - products[0, 0, 0, 0, 3, 2]).abs() > 1e-3
    if frames > 1:
        torch.testing.assert_close(products[0, 1, 1, 1, 1, 1], products[1, 2, 2, 2, 2, 2])
        assert (products[0, 1, 1, 1, 1, 1] - products[0, 1, 1, 2, 1, 1]).abs() > 1e-3
