"""The demo against truth: schedules by hand, exact relations of the three predictions, and the command's contract."""

import json
import math
import sys

import pytest
import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.samplers import SOLVERS
from comfyui_fsampler.tools import cli
from comfyui_fsampler.tools.metrics import similarity
from fsampler_research.demo import banner, compare, problem
from fsampler_research.demo.model import CLASSES, UNCONDITIONAL, DemoNet
from fsampler_research.demo.pictures import wrap
from fsampler_research.demo.problem import Denoiser, load_network, start, to_pixels
from fsampler_research.demo.schedules import FLOW_ONLY, PREDICTIONS, SCHEDULES, sigma_table, sigmas_for
from fsampler_research.demo.settings import Settings
from fsampler_research.demo.transformer import DemoDiT
from PIL import Image, ImageFont
from safetensors.torch import save_file


@pytest.fixture(scope="module")
def network():
    """A network with random weights everywhere, the layers that start at zero included."""
    torch.manual_seed(0)
    net = DemoNet()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return net.eval().requires_grad_(False)


# -- schedules ---------------------------------------------------------------------------------------------------------


def test_flow_simple_is_shifted_time_on_an_even_grid():
    sigmas = sigmas_for("simple", "flow", 20)
    by_hand = [3 * t / (1 + 2 * t) for t in (1 - i / 20 for i in range(20))]  # t = 1, 0.95, ..., 0.05
    torch.testing.assert_close(sigmas, torch.tensor([*by_hand, 0.0]))
    assert sigmas[0] == 1
    assert sigmas[-2].item() == pytest.approx(0.15 / 1.1)


def test_ve_table_has_stable_diffusions_ends():
    table = sigma_table("eps")
    assert table[0].item() == pytest.approx(math.sqrt(0.00085 / (1 - 0.00085)), rel=1e-9)
    assert table[-1].item() == pytest.approx(14.6146, abs=1e-4)
    assert torch.equal(table, sigma_table("v"))


@pytest.mark.parametrize("steps", [2, 3, 10])
def test_karras_runs_evenly_in_the_seventh_root_between_the_tables_ends(steps):
    table = sigma_table("eps")
    roots = sigmas_for("karras", "eps", steps)[:-1].double() ** (1 / 7)
    torch.testing.assert_close(
        roots,
        torch.linspace(float(table[-1]) ** (1 / 7), float(table[0]) ** (1 / 7), steps, dtype=torch.float64),
        rtol=1e-6,
        atol=0,
    )


def test_beta_starts_at_the_top_and_passes_the_middle():
    sigmas, table = sigmas_for("beta", "eps", 20), sigma_table("eps").float()
    assert sigmas[0] == table[-1]
    assert sigmas[10] in (table[499], table[500])  # the median of a symmetric distribution
    densest = (sigmas[:-1, None] == table).nonzero()[:, 1].diff().abs()
    assert densest[0] < densest[9] > densest[-1]  # more steps at both ends than in the middle


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("steps", [1, 2, 7, 20, 60])
def test_schedules_fall_strictly_to_zero(schedule, prediction, steps):
    if schedule in FLOW_ONLY and prediction != "flow":
        with pytest.raises(ValueError, match="expected flow"):
            sigmas_for(schedule, prediction, steps)
        return
    sigmas = sigmas_for(schedule, prediction, steps)
    assert len(sigmas) == steps + 1 or (schedule == "ddim_uniform" and len(sigmas) > steps)
    assert sigmas[-1] == 0
    assert (sigmas.diff() < 0).all()


# -- the model as a sampler sees it ------------------------------------------------------------------------------------


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_denoised_of_a_data_set_of_one_image_is_that_image(prediction):
    image = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))

    def velocity(x, t, labels):
        return (x - image) / t[:, None, None, None]  # x = (1 - t) image + t noise, v = noise - image

    model = Denoiser(velocity, torch.zeros(2, dtype=torch.long), prediction, cfg=3.0)
    for sigma in (0.05, 0.5, 1.0) if prediction == "flow" else (0.05, 1.0, 14.6):
        noise = torch.randn(2, 3, 8, 8)
        x = (1 - sigma) * image + sigma * noise if prediction == "flow" else image + sigma * noise
        torch.testing.assert_close(model(x, torch.full((2,), sigma)), image.expand(2, -1, -1, -1), rtol=0, atol=3e-5)


@pytest.mark.parametrize("sigma", [0.03, 0.7, 5.0, 14.6])
def test_eps_v_and_flow_are_one_estimate(network, sigma):
    labels = torch.tensor([3, 7])
    x = torch.randn(2, 3, 64, 64) * (1 + sigma**2) ** 0.5
    level = torch.full((2,), sigma)
    eps, v = (Denoiser(network, labels, prediction)(x, level) for prediction in ("eps", "v"))
    flow = Denoiser(network, labels, "flow")(x / (1 + sigma), level / (1 + sigma))
    torch.testing.assert_close(v, flow, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(eps, v, rtol=1e-5, atol=1e-5 * (1 + sigma))  # eps is multiplied by sigma on the way


def test_guidance_is_a_line_through_the_unconditional_and_the_conditional(network):
    x, t, labels = torch.randn(1, 3, 64, 64), torch.tensor([0.6]), torch.tensor([4])

    def velocity(cfg):
        return (x - Denoiser(network, labels, "flow", cfg)(x, t)) / 0.6

    conditional, unconditional = network(x, t, labels), network(x, t, torch.tensor([UNCONDITIONAL]))
    torch.testing.assert_close(velocity(1), conditional, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(velocity(0), unconditional, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(velocity(5), unconditional + 5 * (conditional - unconditional), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(conditional, unconditional, atol=1e-3)


@pytest.mark.parametrize(("prediction", "scale"), [("flow", 0.5), ("eps", 5**0.5), ("v", 5**0.5)])
def test_an_image_starts_from_its_seed_and_index_alone(prediction, scale):
    sigma = 0.5 if prediction == "flow" else 2.0
    few, many, other = start(3, 5, prediction, sigma), start(14, 5, prediction, sigma), start(3, 6, prediction, sigma)
    assert torch.equal(few[1], many[1][:3])
    assert many[0].tolist() == [*range(12), 0, 1]
    assert not torch.equal(many[1][0], many[1][12])
    assert not torch.equal(few[1], other[1])
    assert many[1].std().item() == pytest.approx(scale, rel=0.02)


# -- the comparison ----------------------------------------------------------------------------------------------------


def test_similarity_is_the_mean_over_images():
    reference = torch.rand(2, 3, 32, 32)
    images = reference.clone()
    images[0], images[1] = reference[0] + 0.1, reference[1] + 0.01  # 20 dB and 40 dB
    ssim, psnr = similarity(images, reference)
    each = [similarity(images[i : i + 1], reference[i : i + 1]) for i in range(2)]
    assert psnr == pytest.approx(30, abs=1e-3)
    assert ssim == pytest.approx((each[0][0] + each[1][0]) / 2, abs=1e-6)
    assert similarity(reference, reference) == (1.0, None)


def test_pixels_are_clamped_to_the_unit_range():
    assert to_pixels(torch.tensor([-3.0, -1.0, 0.0, 1.0, 2.0])).tolist() == [0, 0, 0.5, 1, 1]


def test_fewer_steps_make_the_same_number_of_calls_or_the_next_more():
    one, two = Settings(sampler="euler"), Settings(sampler="res_2s")
    assert [compare.evaluations(one, n) for n in (1, 2, 20)] == [1, 2, 20]
    assert [compare.evaluations(two, n) for n in (1, 2, 20)] == [1, 3, 39]
    assert [compare.fewer_steps(one, calls) for calls in (7, 10, 20)] == [7, 10, 20]
    assert [compare.fewer_steps(two, calls) for calls in (1, 9, 10, 11, 39)] == [1, 5, 6, 6, 20]


class Bar:
    """Counts as tqdm does."""

    def __init__(self):
        self.n, self.total = 0, 0

    def update(self):
        self.n += 1

    def set_description(self, text):
        pass


@pytest.mark.parametrize("sampler", ["euler", "res_2s"])
def test_calls_are_model_evaluations_and_the_bar_ends_full(network, sampler):
    bar = Bar()
    settings = Settings(sampler=sampler, steps=8, count=1, modes=("off", "h2/s2", "H2/S2", "calls:50%", "calls:4"))
    runs = compare.compare(settings, network, bar)
    modes = [run.mode for run in runs]
    assert modes[:3] == ["off", "h2/s2", "calls:50%"]
    assert len(modes) == len(set(modes))
    assert runs[0].calls == compare.evaluations(settings, 8)
    assert bar.n == bar.total == sum(run.calls for run in runs)
    for fewer in (run for run in runs if run.mode.startswith("fewer:")):
        assert fewer.steps == int(fewer.mode.partition(":")[2]) < 8


def test_ancestral_runs_share_their_noise(network):
    settings = Settings(steps=4, count=2, eta=1.0, modes=("calls:4",))
    full, mode = compare.compare(settings, network, Bar())  # calls:4 of 4 skips nothing, so only the noise could differ
    assert torch.equal(full.images, mode.images)
    alone = compare.compare(Settings(steps=4, count=1, eta=1.0, modes=()), network, Bar())[0]
    torch.testing.assert_close(alone.images[0], full.images[0], rtol=0, atol=1e-3)
    still = compare.compare(Settings(steps=4, count=1, modes=()), network, Bar())[0]
    assert not torch.allclose(still.images, alone.images, atol=1e-2)


def test_text_is_wrapped_to_the_room():
    font = ImageFont.load_default(18)
    for text in ("full run", "h2, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18", "3," * 60):
        lines = wrap(text, font, 170)
        assert all(font.getlength(line) <= 170 for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


# -- the command -------------------------------------------------------------------------------------------------------


def test_shipped_weights_load_and_are_small():
    assert problem.WEIGHTS.stat().st_size <= 8e6
    assert load_network()(torch.zeros(1, 3, 64, 64), torch.ones(1), torch.zeros(1, dtype=torch.long)).isfinite().all()


@pytest.mark.parametrize("kind", problem.NETWORKS)
def test_the_file_says_which_network_it_is(kind, tmp_path):
    net = problem.NETWORKS[kind]()
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, tmp_path / "w", {"network": kind})
    assert type(load_network(tmp_path / "w")) is problem.NETWORKS[kind]


def test_weights_of_an_unknown_network_are_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "w", {"network": "vit"})
    with pytest.raises(ValueError, match="for a network 'vit'; expected one of unet, dit"):
        load_network(tmp_path / "w")


def test_a_transformer_starts_at_zero_and_follows_time_and_class():
    net, x = DemoDiT(), torch.randn(2, 3, 64, 64)
    t, labels = torch.tensor([0.2, 0.7]), torch.tensor([1, 2])
    assert not net(x, t, labels).any()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    base = net(x, t, labels)
    assert base.shape == x.shape
    torch.testing.assert_close(net(x[:1], t[:1], labels[:1]), base[:1])
    for other in (net(x, t / 2, labels), net(x, t, labels + 1)):
        assert (other - base).flatten(1).norm(dim=1).min() > 1e-3


def test_demo_writes_pictures_and_valid_json(tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    assert cli.main(f"demo --count 1 --steps 6 --seed 3 --threads 1 --out {out}".split()) == 0
    assert str(out / "demo.png") in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["demo.json", "demo.png", "steps.png"]
    for name in ("demo.png", "steps.png"):
        with Image.open(out / name) as image:
            image.load()

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    whole = json.loads((out / "demo.json").read_text(), parse_constant=refuse)
    assert whole["settings"]["seed"] == 3
    runs = {run["mode"]: run for run in whole["runs"]}
    assert {"off", *Settings().modes} <= set(runs)
    for run in whole["runs"]:
        assert set(run) == {
            "mode",
            "sampler",
            "schedule",
            "prediction",
            "steps",
            "calls",
            "seconds",
            "ssim",
            "psnr",
        }
        assert (run["sampler"], run["schedule"], run["prediction"]) == ("euler", "simple", "flow")
        assert 1 <= run["calls"] <= run["steps"] <= 6
        assert run["ssim"] <= 1
        assert run["seconds"] > 0
    assert list(runs)[0] == "off"
    assert runs["off"] | {"seconds": 0} == {
        "mode": "off",
        "sampler": "euler",
        "schedule": "simple",
        "prediction": "flow",
        "steps": 6,
        "calls": 6,
        "seconds": 0,
        "ssim": 1.0,
        "psnr": None,
    }
    assert runs["calls:50%"]["calls"] == 3
    assert runs["fewer:3"]["calls"] == 3


def test_demo_is_repeatable_and_replaces_its_files(tmp_path):
    command = f"demo --count 1 --steps 4 --mode h2/s2 --mode calls:4 --out {tmp_path}".split()
    results = []
    for _ in range(2):
        assert cli.main(command) == 0
        runs = json.loads((tmp_path / "demo.json").read_text())["runs"]
        results.append([{**run, "seconds": 0} for run in runs])
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("--sampler heun9", '"heun9"'),
        ("--schedule cosine", "'cosine'"),
        ("--prediction x0", "'x0'"),
        ("--mode h2/x3", "'h2/x3'"),
        ("--mode fast h2/s2 turbot", "'turbot'"),
        ("--mode calls:2", "calls:2"),
        ("--steps 0", "steps is 0"),
        ("--steps 1001", "steps is 1001"),
        ("--steps many", "'many'"),
        ("--count 0", "count is 0"),
        ("--count 257", "count is 257"),
        ("--seed -1", "seed is -1"),
        ("--cfg nan", "cfg is nan"),
        ("--cfg -1", "cfg is -1"),
        ("--eta inf", "eta is inf"),
        ("--sampler lms --eta 1", "'lms'"),
        ("--threads 0", "threads is 0"),
        ("--mode", "--mode"),
        ("--nothing", "--nothing"),
    ],
)
def test_bad_arguments_end_in_one_line_that_names_them(arguments, named, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(problem.DemoNet, "forward", _must_not_run)
    fails_with(["demo", *arguments.split(), "--out", str(tmp_path / "out")], named, capsys)
    assert not (tmp_path / "out").exists()


def _must_not_run(*_):
    raise AssertionError("the model was called before the arguments were checked")


def fails_with(arguments, named, capsys):
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    *progress, error = captured.err.splitlines()
    assert error.startswith("fsampler: error: ") and all(line.startswith("model calls ") for line in progress)
    assert named in captured.err


@pytest.mark.parametrize("arguments", [[], ["dance"], ["--count", "3"]])
def test_a_missing_or_unknown_command_is_one_line(arguments, capsys):
    fails_with(arguments, "", capsys)


def test_unreadable_weights(tmp_path, capsys, network):
    good, cut, foreign, misshapen, text = (tmp_path / name for name in ("good", "cut", "foreign", "misshapen", "text"))
    state = network.state_dict()
    save_file(state, good)
    cut.write_bytes(good.read_bytes()[:5000])
    save_file({"weight": torch.zeros(2)}, foreign)
    save_file(state | {"head.bias": torch.zeros(5)}, misshapen)
    text.write_text("no weights here, but long enough to be read as a header")
    for path in (cut, foreign, misshapen, text, tmp_path, tmp_path / "absent"):
        fails_with(["demo", "--weights", str(path), "--out", str(tmp_path / "out")], repr(str(path)), capsys)


def test_a_model_that_is_not_finite_ends_the_run(tmp_path, capsys, network):
    save_file(network.state_dict() | {"head.bias": torch.full((12,), math.nan)}, tmp_path / "bad")
    command = f"demo --count 1 --steps 4 --weights {tmp_path / 'bad'} --out {tmp_path / 'out'}"
    fails_with(command.split(), "not finite", capsys)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        fails_with(["demo", "--out", str(place)], repr(str(place)), capsys)
    (tmp_path / "demo.png").mkdir()
    fails_with(["demo", "--out", str(tmp_path)], repr(str(tmp_path / "demo.png")), capsys)


def test_an_interrupt_leaves_old_files_alone(tmp_path, capsys, monkeypatch):
    (tmp_path / "demo.png").write_text("old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(problem.DemoNet, "forward", interrupt)
    assert cli.main(["demo", "--count", "1", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "fsampler: error: interrupted\n"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("demo.png", "old")]


def test_a_missing_extra_names_the_command_that_installs_it(capsys, monkeypatch):
    def missing(*_):
        raise ModuleNotFoundError("No module named 'torchmetrics'", name="torchmetrics")

    monkeypatch.setattr(cli.importlib, "import_module", missing)
    fails_with(["compare"], 'pip install "fsampler[compare]"', capsys)


def test_without_the_research_package_the_demo_says_where_it_is(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsampler_research", None)
    for name in [name for name in sys.modules if name.startswith("fsampler_research.")]:
        monkeypatch.delitem(sys.modules, name)
    fails_with(["demo"], "pip install ./research", capsys)


def test_help_lists_the_choices(capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["demo", "--help"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    for word in ("--sampler", "dpmpp_2m", "karras", "calls:50%", "--out"):
        assert word in text


def test_the_banner_shows_the_two_runs_that_it_was_given(tmp_path):
    """Of its bars as many are filled as the run made calls, each at its step; the picture is the run's own."""
    banner.main(["--out", str(tmp_path / "banner.png"), "--label", "cat"])
    image = Image.open(tmp_path / "banner.png").convert("RGB")
    assert image.width * 9 == image.height * 21
    sigmas = sigmas_for("simple", "flow", 20)
    _, start_of_seed = start(1, 8, "flow", float(sigmas[0]))
    model = Denoiser(load_network(), torch.tensor([CLASSES.index("cat")]), "flow", 2.0)
    middle = banner.TOP + banner.PICTURE + 16 + banner.BAR // 2
    for place, mode in enumerate(("off", "balanced")):
        latent, report = sample(SOLVERS["euler"], model, start_of_seed, sigmas, mode)
        left, wide = banner.LEFT + place * (banner.PICTURE + banner.GAP), banner.PICTURE / 20
        shown = [image.getpixel((int(left + (i + 0.5) * wide - 2), middle))[2] > 200 for i in range(20)]
        assert shown == [record.kind == "REAL" for record in report.first_records()], mode
        picture = image.crop((left, banner.TOP, left + banner.PICTURE, banner.TOP + banner.PICTURE)).resize((1, 1))
        colour = [255 * float(channel.mean()) for channel in to_pixels(latent)[0]]
        assert picture.getpixel((0, 0)) == pytest.approx(colour, abs=3), mode
