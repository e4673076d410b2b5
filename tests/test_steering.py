"""The benchmark of steering: which cells run, what is kept, what is measured, what the tables say."""

import pytest
import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.samplers import SOLVERS
from fsampler_research.benchmarks.steering import __main__ as steering
from fsampler_research.benchmarks.steering import galaxy, matrix, measure, pool, problem, report, runs
from fsampler_research.benchmarks.steering.matrix import Cell
from fsampler_research.benchmarks.versus.results import Results

CELL = Cell("mixture", "flow", "flux2", None, "euler", 1.0, 20)
EVERY = matrix.cells()


# -- which cells -------------------------------------------------------------------------------------------------------


def test_all_cells():
    assert len(EVERY) == len({cell.name for cell in EVERY}) == 3 * (6 * 4 + 2 + 2 * 5) * 4 * 4 * 3 + 4 * 4 * 3
    assert all(cell.cfg == 1 for cell in EVERY if cell.network == matrix.GALAXY)
    assert not [cell for cell in matrix.cells(matrix.COMFY_SAMPLERS) if cell.network == matrix.GALAXY]


def test_names_and_halves_stay():
    """Results of other days are compared by name."""
    cell = Cell("dit", "flow", "beta", 12.0, "heun", 3.0, 30)
    assert (cell.name, cell.half) == ("dit flow beta shift 12 heun CFG 3 30", "report")
    assert (CELL.name, CELL.half) == ("mixture flow flux2 euler CFG 1 20", "tune")
    share = sum(cell.half == "tune" for cell in EVERY) / len(EVERY)
    assert share == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("half", matrix.HALVES)
@pytest.mark.parametrize("count", [steering.SMALL, steering.FULL])
def test_the_chosen_cells_show_every_value_of_every_axis(half, count):
    chosen = steering.chosen(half, count, lambda cell: cell.sampler in matrix.SAMPLERS)
    assert len(chosen) == len(set(chosen)) == count and {cell.half for cell in chosen} == {half}
    for axis in Cell._fields:
        assert {getattr(cell, axis) for cell in chosen} == {getattr(cell, axis) for cell in EVERY}, axis
    comfyui = steering.chosen(half, count, lambda cell: cell.sampler in matrix.COMFY_SAMPLERS)
    assert len(comfyui) == count // 3 and {cell.sampler for cell in comfyui} == set(matrix.COMFY_SAMPLERS)


def test_fewer_cells_are_among_more():
    every = [cell for cell in EVERY if cell.half == "tune"]
    more = matrix.thinned(every, 30)
    assert matrix.thinned(list(reversed(every)), 10) == more[:10]
    assert matrix.thinned(every[:7], 30) == matrix.thinned(every[:7], 7)


def test_what_is_left_out_changes_nothing_else():
    all_of_them = steering.chosen("both", 20, lambda cell: True)
    assert [cell for cell in all_of_them if cell.network != "dit"] == steering.chosen(
        "both", 20, lambda cell: cell.network != "dit"
    )


def test_the_guidance_term_can_be_left_out():
    cell = Cell("mixture", "flow", "simple", 1.0, "euler", 5.0, 20)
    told, untold = (problem.Problem(cell, 1, 0, told) for told in (True, False))
    answers = []
    for one in (told, untold):
        model, x = one.begin(1.0)
        answers.append(model(x, torch.tensor([1.0])))
        assert (getattr(model, "guidance_difference", None) is not None) == one.told
    assert torch.equal(*answers)


# -- runs --------------------------------------------------------------------------------------------------------------


def test_heun_is_of_second_order():
    def model(x, sigma):
        return x * 1 / (1 + sigma.reshape(-1, 1) ** 2)  # unit Gaussian data: x shrinks as (1 + sigma^2)^(1/2)

    errors = []
    for steps in (20, 40):
        x = runs.heun(
            model, torch.ones(1, 1, dtype=torch.float64), torch.linspace(3, 1, steps + 1, dtype=torch.float64)
        )
        errors.append(abs(float(x) - 0.2**0.5))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_holding_over_a_gap_is_one_long_step_of_euler():
    sigmas = torch.tensor([1.0, 0.7, 0.4, 0.2, 0.0])
    x, model = torch.randn(1, 3, 4, 4), lambda x, sigma: x.sin()
    held = SOLVERS["euler"](runs.Holding(model, "RSSR"), x, sigmas)
    torch.testing.assert_close(held, SOLVERS["euler"](model, x, sigmas[[0, 3, 4]]))


def test_under_fresh_noise_the_answer_itself_is_held():
    held, sigma = runs.Holding(lambda x, sigma: x / 2, "RS", noisy=True), torch.ones(1)
    assert torch.equal(held(torch.ones(1, 2), sigma), held(torch.full((1, 2), 9.0), sigma))


def test_a_run_of_ours_and_its_kinds():
    made = runs.Runs(problem.Problem(CELL, 2, 0))
    ours = made.ours("calls:8")
    assert ours.kinds.count("R") == ours.calls == 8 and len(ours.kinds) == 20
    assert torch.equal(made.hold("R" * 20), made.full())
    assert torch.equal(made.ours("off").latents, made.full())
    alone = made.full(only=slice(1, 2))
    torch.testing.assert_close(alone, made.full()[1:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sampler", matrix.SAMPLERS)
def test_evaluations_are_counted_as_made(sampler):
    sigmas = torch.linspace(1, 0, 8)
    _, seen = sample(runs.OWN[sampler], lambda x, sigma: x / 2, torch.ones(1, 1, 4, 4), sigmas, "off")
    assert seen.evaluations == matrix.evaluations(sampler, 7)


def test_the_galaxy_network_by_hand(tmp_path):
    """Read back from a file of arrays; blocks of zeros leave a patch of the image what the two convolutions make it."""
    shapes = [(3, 2, 4, 4), (3, 1, 1), (1, 3, 4, 4), (1, 1, 1)]
    shapes += [(5, 256), (5,), (256, 5), (256,), (5, 3), (5,), (3, 5), (3,), (3, 256), (3, 256), (256, 3), (256, 3)]
    arrays = [torch.zeros(shape) for shape in [*shapes, (3, 256), (3, 256)]] + [torch.tensor(10.0)]
    arrays[0][0, 0, 1, 2] = 1.0  # the first channel is the pixel (1, 2) of each patch,
    arrays[2][0, 0, 3, 0] = 1.0  # correlated with the image it becomes its pixel (0, 3)
    arrays[-3][:] = 1.0
    path = tmp_path / "weights"
    with path.open("wb") as file:
        for array in arrays:
            galaxy.np.save(file, array.numpy())
    network, y = galaxy.Mixer(galaxy.read_arrays(path)), torch.randn(2, 1, 64, 64)
    inner = torch.zeros(2, 3, 256)
    inner[:, 0] = y[:, 0, 1::4, 2::4].flatten(1)
    inner = (inner - inner.mean((1, 2), keepdim=True)) / (inner.var((1, 2), correction=0, keepdim=True) + 1e-5).sqrt()
    made = network(y, torch.ones(2))
    torch.testing.assert_close(made[:, 0, 0::4, 3::4].flatten(1), inner[:, 0])
    assert made.count_nonzero() == 2 * 256

    sigma = torch.tensor([3.0, 0.5])
    denoised = galaxy.GalaxyDenoiser(lambda y, t: -y)(y, sigma)  # the score of a unit Gaussian, blurred
    torch.testing.assert_close(denoised, y / (1 + sigma.reshape(-1, 1, 1, 1) ** 2))


def test_a_file_of_other_arrays_is_refused():
    with pytest.raises(ValueError, match="^8 arrays; expected 7 and 12 for each block"):
        galaxy.Mixer([torch.zeros(1)] * 8)


# -- measuring ---------------------------------------------------------------------------------------------------------

MODES = ["calls:40%", "fast"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    return folder, measure.measure(CELL, MODES, 2, 0, folder)


def made_each(made, mode):
    return [image[:2] for image in measure.score(made.problem, made.ours(mode).latents, made.full())]


def test_the_rows_of_a_cell(measured):
    budget, preset = measured[1]
    assert budget["calls"] == 8 and budget["evaluations"] == 20 and budget["half"] == "tune"
    assert "tolerance" not in budget and preset["tolerance"] == 0.14
    made, numbers = runs.Runs(problem.Problem(CELL, 2, 0)), []
    for latents in (made.ours("calls:8").latents, made.full(8), made.hold(made.ours("calls:8").kinds)):
        found = measure.score(made.problem, latents, made.full())
        numbers += [measure.mean(found, 0), measure.mean(found, 1)]
    names = [f"{who}{figure}" for who in ("", "fewer_", "hold_") for figure in ("ssim", "psnr")]
    assert [budget[name] for name in names] == numbers
    assert [[round(figure, 5) for figure in image] for image in made_each(made, "calls:8")] == budget["each"]
    assert all(len(row[f"{who}each"]) == 2 for row in (budget, preset) for who in ("", "fewer_", "hold_"))
    alone = [made.ours("fast", slice(i, i + 1)).calls for i in range(2)]
    assert preset["calls"] == sum(alone) / 2


class Refusing:
    """Runs of ours alone: what does not depend on the engine has to come from the cache."""

    def __init__(self, given):
        self.ours = runs.Runs(given).ours

    def full(self, *_):
        raise AssertionError

    hold = full


def test_what_does_not_depend_on_the_engine_is_made_once(measured):
    folder, rows = measured
    assert measure.measure(CELL, MODES, 2, 0, folder, runs=Refusing) == rows


def test_a_mode_alone_has_no_rivals(measured):
    folder, (_, preset) = measured
    (row,) = measure.measure(CELL, ["fast"], 2, 0, folder, alone=True)
    assert row == {name: value for name, value in preset.items() if not name.startswith(("fewer", "hold"))}


def test_another_seed_is_another_cache(measured):
    with pytest.raises(AssertionError):
        measure.measure(CELL, MODES, 2, 1, measured[0], runs=Refusing)


def test_a_full_run_of_nothing_is_named(tmp_path):
    class Broken(runs.Runs):
        def full(self, *_):
            return torch.full((2, 3, 64, 64), torch.nan)

    with pytest.raises(FloatingPointError, match=f"full run of {CELL.name}"):
        measure.measure(CELL, MODES, 2, 0, tmp_path, runs=Broken)


@pytest.mark.parametrize(
    "sampler, calls, steps", [("euler", 8, 8), ("heun", 15, 8), ("heun", 16, 9), ("euler", 20, 20)]
)
def test_fewer_steps_make_at_least_as_many_calls(sampler, calls, steps):
    assert measure.fewer_steps(problem.Problem(CELL._replace(sampler=sampler), 1, 0), calls) == steps


def test_a_share_is_of_the_steps():
    given = problem.Problem(CELL._replace(schedule="ddim_uniform", shift=1.0, steps=30), 1, 0)  # 31 steps
    assert measure.resolved("calls:50%", given) == "calls:16" and measure.resolved("fast", given) == "fast"


# -- the command -------------------------------------------------------------------------------------------------------


def made_up(cell, mode="calls:50%", psnr=30.0, **more):
    row = {**cell._asdict(), "cell": cell.name, "half": cell.half, "images": 2, "seed": 0, "mode": mode}
    row |= {"calls": 10.0, "evaluations": 20, "ssim": 0.9, "psnr": psnr, "error": 0.1}
    row |= {"fewer_ssim": 0.8, "fewer_psnr": 28.0, "hold_ssim": 0.7, "hold_psnr": 29.5, "engine": "0"}
    return row | ({"tolerance": 0.04} if ":" not in mode else {}) | more


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """Runs the command on three cells, with rows made up; answers with what was measured and what was printed."""
    cells, asked = [CELL, CELL._replace(cfg=3.0), CELL._replace(cfg=5.0)], []

    def measured(todo, _jobs):
        for cell, modes, images, _seed, _cache, _told in todo:
            asked.append((cell, tuple(modes), images))
            yield [made_up(cell, mode, images=images) for mode in modes]

    monkeypatch.setattr(steering, "measured", measured)
    monkeypatch.setattr(steering, "chosen", lambda *_: cells)
    monkeypatch.setattr(steering, "available", lambda: None)

    def run(*given):
        asked.clear()
        steering.main(["--out", str(tmp_path / "rows.jsonl"), "--cache", str(tmp_path / "cache"), *given])
        return list(asked), capsys.readouterr().out

    return run


def test_cells_in_processes(tmp_path):
    todo = [(CELL._replace(steps=steps), ["calls:50%"], 1, 0, tmp_path) for steps in (20, 30)]
    rows = sorted((row for rows in pool.measured(todo, 1) for row in rows), key=lambda row: row["steps"])
    assert [row["calls"] for row in rows] == [10, 15]


def test_what_is_there_is_not_measured_again(command):
    asked, text = command("--modes", "calls:50%")
    assert [modes for _, modes, _ in asked] == [("calls:50%",)] * 3 and "3 cells, 4 images each" in text
    asked, _ = command("--modes", "calls:50%,fast")
    assert [modes for _, modes, _ in asked] == [("fast",)] * 3
    assert command("--modes", "fast,calls:50%")[0] == []
    assert len(command("--modes", "fast", "--images", "1")[0]) == 3


def test_a_run_that_was_cut_short_goes_on(command, tmp_path):
    command("--modes", "fast")
    path = tmp_path / "rows.jsonl"
    path.write_text(path.read_text()[:-20])
    assert len(command("--modes", "fast")[0]) == 1


def test_small(command):
    asked, _ = command("--small")
    assert {(modes, images) for _, modes, images in asked} == {(steering.SMALL_MODES, steering.SMALL_IMAGES)}


def test_an_unknown_mode_is_refused(command):
    with pytest.raises(SystemExit, match="--modes has 'calls:9'; expected calls:P% or one of quality"):
        command("--modes", "calls:9")


def test_against_another_file(command, tmp_path):
    command("--modes", "calls:50%")
    then = tmp_path / "then.jsonl"
    kept = Results(then, steering.key)
    kept.add(made_up(CELL, psnr=29.0, images=4, calls=11.0))
    kept.add(made_up(CELL._replace(cfg=3.0), psnr=31.5, images=4))
    kept.add(made_up(CELL._replace(cfg=7.0), psnr=1.0, images=4))
    text = command("--modes", "calls:50%", "--against", str(then))[1].partition("## Against then.jsonl")[2]
    assert "2 runs are in both" in text
    assert "| all | -0.25 (-1.5, +1.0; 10.5 -> 10.0) |" in text
    assert "| CFG 1 | +1.00 (+1.0, +1.0; 11.0 -> 10.0) |" in text and "| CFG 3 | -1.50 (-1.5, -1.5) |" in text


# -- the tables --------------------------------------------------------------------------------------------------------


def test_summary():
    found = [made_up(CELL, psnr=psnr) for psnr in (32.0, 29.0, 27.5, 26.0)]
    line = report.summary(found).splitlines()[2]
    assert line == "| calls:50% | 4 | 10.0 (50 %) | 28.6 / 0.900 | 28.0 / 0.800 | 29.5 / 0.700 | 2 (1) | 3 (2) |"


def test_equal_is_not_lost():
    assert report.lost([made_up(CELL, psnr=28.0)], "fewer") == 0


def test_tolerances():
    found = [made_up(CELL, "quality", error=error) for error in (0.02, 0.06, 0.1, 0.04)] + [made_up(CELL)]
    assert report.tolerances(found).splitlines()[2:] == ["| quality | 4 | 1.25 | 50 % | 25 % | 2.5 |"]


def test_groups_sort_by_number_and_leave_gaps():
    found = [made_up(CELL._replace(steps=steps), mode) for steps in (20, 5) for mode in ("fast", "turbo")][:3]
    first, second = report.groups(found, "steps").splitlines()[2:]
    assert first == "| 5 steps | 1 | 30.0 (+2.0, +0.5; 0 + 0) |  |" and second.startswith("| 20 steps | 1 | 30.0 ")


def test_the_worst_are_below_the_better_rival():
    found = [made_up(CELL._replace(steps=steps), psnr=psnr) for steps, psnr in ((20, 31.0), (30, 20.0), (50, 29.0))]
    lines = report.worst(found, 2).splitlines()[2:]
    assert [line.split(" | ")[0][-2:] for line in lines] == ["30", "50"]


def test_the_page_has_cfg_1_first():
    text = report.page([made_up(CELL._replace(cfg=cfg), mode) for cfg in (3.0, 1.0) for mode in ("fast", "calls:50%")])
    places = [text.index(f"## {title}") for title in ("CFG 1\n", "CFG 3 to 7\n", "By group", "The worst")]
    assert places == sorted(places) and text.count("| preset |") == 2


def test_the_spread_of_images_counts_each_of_them_and_the_mixture_apart():
    each = [[0.9, 30.0], [0.8, 20.0], [0.7, 10.0]]
    more = {"each": each, "fewer_each": [[0.5, 5.0]] * 3, "hold_each": each}
    learned, analytic = (
        made_up(CELL._replace(network="unet"), **more),
        made_up(CELL._replace(network="mixture"), **more | {"each": each[:1] * 3}),
    )
    text = report.page([learned, analytic])
    apart = text.partition("## Images of networks that learned")[2].partition("## Images of the mixture")
    assert "| calls:50% | ours | 3 | 20.0 / 12.0 / 10.0 | 0.800 / 0.720 / 0.700 |" in apart[0]
    assert "| calls:50% | ours | 3 | 30.0 / 30.0 / 30.0 | 0.900 / 0.900 / 0.900 |" in apart[2]
