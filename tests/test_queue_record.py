"""`fsampler queue --record`: the full run of the first seed comes first, and the modes calls:N follow its plans."""

import json
import time

import pytest
from comfyui_fsampler.fsampler import recorded_plans, recording
from comfyui_fsampler.tools import cli
from comfyui_fsampler.tools.queueing import recorded, wiring
from comfyui_fsampler.tools.queueing.board import Board
from comfyui_fsampler.tools.queueing.plan import Plan, QueueJob
from stub_server import PROMPT, Stub

VALUES = {"fast": ["fast", ""], "calls:3": ["balanced", "calls:3"], "calls:4": ["balanced", "calls:4"]}
PLANS = {3: "plan:RRSR@4,3,2,1,0@0.5:0@cfg=5", 4: "plan:RRRR@4,3,2,1,0@@cfg=5"}
FIRST, PLANNED = QueueJob("off", 7), [QueueJob(f"calls:{calls}, planned", 7) for calls in PLANS]


def plan():
    return Plan(PROMPT, VALUES, [7, 8], record=True)


def said(plans=PLANS):
    return {f"fsampler_plan_{calls}_4": ["what to expect", text] for calls, text in plans.items()}


def test_the_full_run_of_the_first_seed_comes_first_and_gives_the_plans():
    made = plan()
    assert made.first == FIRST == made.jobs[0]
    assert [str(job) for job in made.jobs[1:4]] == ["fast seed 7", *(f"{job.mode} seed 7" for job in PLANNED)]
    assert QueueJob("off", 8) not in made.jobs  # nobody asked for it
    prompt = made.prompt_of(FIRST)
    assert (prompt["4"]["class_type"], prompt["4"]["inputs"]["custom_mode"]) == ("FSamplerModel", "record")
    for calls in PLANS:
        node = prompt[f"fsampler_plan_{calls}_4"]
        assert node["class_type"] == "FSamplerRecord"
        assert node["inputs"] == {"calls": calls, "images": 4, "report": ["4", 1], "latent": ["2", 0]}


def test_a_planned_mode_follows_its_plan_with_every_seed_and_others_stay():
    made = plan()
    made.learn({"plans": said()})
    assert made.unplanned == []
    for calls, job in zip(PLANS, PLANNED, strict=True):
        for seed in (7, 8):
            prompt = made.prompt_of(QueueJob(job.mode, seed))
            assert prompt["4"]["inputs"]["custom_mode"] == PLANS[calls] and prompt["2"]["inputs"]["seed"] == seed
    assert made.prompt_of(QueueJob("fast", 7))["4"]["inputs"] | {"model": 0} == {
        "model": 0,
        "mode": "fast",
        "custom_mode": "",
    }


def test_without_a_plan_the_mode_stays_and_a_line_says_why():
    made = plan()
    made.learn({"plans": {"fsampler_plan_3_4": ["the sampler asks twice a step; the mode is calls:3"]}})
    assert made.unplanned == [
        "calls:3, planned: no plan for FSampler (model) 4: the sampler asks twice a step; the mode is calls:3",
        "calls:4, planned: no plan for FSampler (model) 4: nothing is said of its run",
    ]
    assert made.prompt_of(PLANNED[0])["4"]["inputs"]["custom_mode"] == "calls:3"


@pytest.mark.parametrize("text", ["plan:RRSR", "plan:RRXR@4,3,2,1,0@.5:0@", "fast", "plan:RRSR@4,3,2,1,0@nan:0@"])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(ValueError):
        plan().learn({"plans": said({3: text})})


@pytest.mark.parametrize(
    "modes, wrong", [("off,fast,calls:50%", "nothing to plan"), ("calls:2", "calls:2; expected 3")]
)
def test_modes_that_cannot_be_planned_are_named(modes, wrong, tmp_path, capsys):
    (tmp_path / "p.json").write_text(json.dumps(PROMPT))
    assert (
        cli.main(["queue", str(tmp_path / "p.json"), "--modes", modes, "--record", "--out", str(tmp_path / "o")]) == 2
    )
    assert wrong in capsys.readouterr().err and not (tmp_path / "o").exists()


def test_its_figures_are_the_engines():
    assert (recorded.FEWEST, wiring.MOST_IMAGES) == (recorded_plans.FEWEST, recording.MOST_IMAGES)


class Stop:
    def __init__(self, looks):
        self.looks = looks

    def is_set(self):
        self.looks -= 1
        return self.looks < 0


class TestBoard:
    def board(self):
        board = Board([FIRST, *PLANNED], {})
        board.begin_with(FIRST)
        for name in ("x", "y"):
            board.join(name)
        return board

    def test_nothing_is_begun_before_the_first_is_done(self):
        board = self.board()
        assert board.take("x", Stop(9)) == FIRST and board.take("y", Stop(1)) is None
        board.finish("x")
        assert [board.take("y", Stop(9)), board.take("x", Stop(9))] == PLANNED

    def test_all_servers_may_try_the_first_and_without_it_the_queue_ends(self):
        board = self.board()
        for name in ("x", "y"):
            assert board.take(name, Stop(9)) == FIRST
            board.refuse(name, "no")
        stop = Stop(9)
        assert board.take("x", stop) is board.take("y", stop) is None and stop.looks == 7  # without waiting
        assert board.waiting == [FIRST, *PLANNED]

    def test_a_cluster_is_asked_for_one_place_until_the_first_is_done_and_for_none_once_it_is_given_up(self):
        board = Board([FIRST, *PLANNED], {}, most_places=1)
        board.begin_with(FIRST)
        board.join("x", "here")
        assert board.left() == 1
        board.take("x", Stop(9))
        board.refuse("x", "no")
        assert board.left() == 0

    def test_one_that_was_done_before_holds_nothing_up(self):
        board = Board(PLANNED, {})
        board.begin_with(FIRST)
        assert board.take("x", Stop(9)) == PLANNED[0]


class Recording(Stub):
    """Gives plans where it is asked for them."""

    def __init__(self, *args, plans=PLANS, **odd):
        super().__init__(*args, **odd)
        self.plans = plans

    def entry(self, prompt_id):
        entry, picture = super().entry(prompt_id), {"filename": "chart.png", "subfolder": "", "type": "temp"}
        asked = {key: node for key, node in self.prompts[prompt_id].items() if node["class_type"] == "FSamplerRecord"}
        time.sleep(0.5 if asked else 0)  # in which another server would begin with the rest
        entry["outputs"] |= {
            key: {"text": ["what to expect", self.plans[node["inputs"]["calls"]]], "images": [picture]}
            for key, node in asked.items()
        }
        return entry


def queue(folder, *servers, seeds="7-8"):
    (folder / "p.json").write_text(json.dumps(PROMPT))
    named = [part for one in servers for part in ("--server", one.name)]
    modes = ["--modes", "fast,calls:3,calls:4", "--seeds", seeds, "--record", "--timeout", "5"]
    return cli.main(["queue", str(folder / "p.json"), *named, *modes, "--out", str(folder / "out")])


def custom_modes(server):
    return sorted(prompt["4"]["inputs"]["custom_mode"] for prompt in server.prompts.values())


def test_on_servers_every_planned_job_has_the_plan_and_charts_are_no_pictures(tmp_path, capsys):
    with Recording() as one, Recording() as other:
        assert queue(tmp_path, one, other) == 0, capsys.readouterr().err
        wanted = sorted(["record", "", "", *2 * [*PLANS.values()]])
        assert sorted([*custom_modes(one), *custom_modes(other)]) == wanted
    jobs = [json.loads(path.read_text()) for path in (tmp_path / "out/jobs").glob("*.json")]
    assert len(jobs) == 7 and all(len(job["images"]) == 1 for job in jobs)
    (first,) = [job for job in jobs if job["mode"] == "off"]
    assert first["plans"] == said() and first["seed"] == 7


def test_another_start_takes_the_plans_from_the_file(tmp_path, capsys):
    with Recording() as one:
        assert queue(tmp_path, one) == 0
        (again,) = (tmp_path / "out/jobs").glob("calls-3*_seed-8.json")
        again.unlink()
        one.prompts.clear()
        assert queue(tmp_path, one) == 0
        assert custom_modes(one) == [PLANS[3]]


def test_a_server_that_says_nothing_of_plans_is_told_of_in_every_start(tmp_path, capsys):
    """The jobs are done with the mode as it is, and nobody takes them for planned unsaid."""
    for _ in range(2):
        with Stub() as silent:
            assert queue(tmp_path, silent, seeds="7") == 0
            assert "calls:3, planned: no plan for FSampler (model) 4: nothing is said" in capsys.readouterr().err
        next((tmp_path / "out/jobs").glob("calls-3*_seed-7.json")).unlink()


def test_a_server_whose_plan_is_none_is_named_and_another_does_its_jobs(tmp_path, capsys):
    with Recording(plans=PLANS | {3: "plan:RR"}) as odd, Recording() as good:
        assert queue(tmp_path, odd, good) == 0, capsys.readouterr().err
    assert len(list((tmp_path / "out/jobs").glob("*.json"))) == 7
    with Recording(plans=PLANS | {3: "plan:RR"}) as odd:
        (folder := tmp_path / "alone").mkdir()
        assert queue(folder, odd) == 2
        assert f"{odd.name} answers /history with a wrong plan" in capsys.readouterr().err
