"""The plan of `fsampler queue`: prompts read and changed, modes and seeds, FSampler and its reports put in."""

import json
import zlib

import pytest
from comfyui_fsampler.tools.queueing import address
from comfyui_fsampler.tools.queueing.answers import Entry, Heard, Listed, Submitted, parse
from comfyui_fsampler.tools.queueing.names import slug
from comfyui_fsampler.tools.queueing.outputs import ending, listed
from comfyui_fsampler.tools.queueing.plan import Plan, QueueJob, parse_modes, parse_seeds
from comfyui_fsampler.tools.queueing.prompt import read_prompt, set_value
from comfyui_fsampler.tools.queueing.refusal import complaints, failure
from comfyui_fsampler.tools.queueing.server import version_of
from comfyui_fsampler.tools.queueing.wiring import add_reports, with_mode


def prompt():
    return {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "=", "clip": ["1", 1]}, "_meta": {"title": "p. x"}},
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "seed": 7,
                "steps": 20,
                "cfg": 2.0,
                "model": ["1", 0],
                "positive": ["2", 0],
                "negative": ["2", 0],
                "latent_image": ["4", 0],
                "tiled": False,
            },
        },
        "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    }


FAST = {"off": ["off", ""], "fast": ["fast", ""]}


class TestRead:
    def write(self, tmp_path, content, name="a file ü.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    @pytest.mark.parametrize("form", [lambda p: p, lambda p: {"prompt": p, "client_id": "x"}])
    def test_both_forms_of_the_api(self, form, tmp_path):
        assert read_prompt(self.write(tmp_path, form(prompt()))) == prompt()

    def test_a_picture_gives_its_prompt_although_it_holds_the_workflow_too(self, tmp_path):
        def chunk(kind, body):
            return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

        texts = {b"workflow": b'{"nodes": []}', b"prompt": json.dumps(prompt()).encode()}
        body = b"".join(chunk(b"tEXt", key + b"\0" + value) for key, value in texts.items())
        assert read_prompt(self.write(tmp_path, b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b""))) == prompt()

    @pytest.mark.parametrize(
        "content, message",
        [
            ({"nodes": [], "links": []}, "UI format.*Export .API."),
            (b"{half", "not JSON.*line 1 column"),
            ({}, "neither a workflow.*nor a prompt"),
            ([1], "neither a workflow"),
            ({"1": {"class_type": "KSampler", "inputs": {}}, "2": 5}, "node '2'.*expected class_type"),
            ({"1": {"class_type": "KSampler"}}, "node '1'.*expected class_type and inputs"),
            (b"\x89PNG\r\n\x1a\n", "PNG without a prompt"),
        ],
    )
    def test_what_is_none_is_named(self, content, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            read_prompt(self.write(tmp_path, content))

    def test_no_file(self, tmp_path):
        with pytest.raises(ValueError, match="cannot read.*No such file"):
            read_prompt(tmp_path / "none.json")


class TestSet:
    @pytest.mark.parametrize(
        "text, node, key, value",
        [
            ("3.steps=30", "3", "steps", 30),
            ("3.cfg=1", "3", "cfg", 1),
            ("3.tiled=true", "3", "tiled", True),
            ("KSampler.steps=5", "3", "steps", 5),
            ("p. x.text=a cat, 50%=ok", "2", "text", "a cat, 50%=ok"),
            ("2.text=7", "2", "text", "7"),
        ],
    )
    def test_it_sets(self, text, node, key, value):
        changed = prompt()
        set_value(changed, text)
        expected = prompt()
        expected[node]["inputs"][key] = value
        assert changed == expected

    @pytest.mark.parametrize(
        "text, message",
        [
            ("3.steps", "expected NODE.INPUT=VALUE"),
            ("steps=3", "expected NODE.INPUT=VALUE"),
            ("9.steps=3", "no node has the id or title '9'"),
            ("3.stepz=3", "no input 'stepz'.*seed, steps, cfg"),
            ("3.steps=many", "expected a number"),
            ("3.steps=true", "expected a number"),
            ("3.tiled=1", "expected true or false"),
            ("3.model=4", "connected to node 1"),
        ],
    )
    def test_what_it_cannot_set_is_named(self, text, message):
        with pytest.raises(ValueError, match=message):
            set_value(prompt(), text)

    def test_a_title_of_two_nodes_is_refused(self):
        twice = prompt() | {"5": prompt()["3"]}
        with pytest.raises(ValueError, match="nodes 3, 5; expected an id"):
            set_value(twice, "KSampler.steps=3")


@pytest.mark.parametrize(
    "text, modes",
    [
        ("off,fast", ["off", "fast"]),
        ("off, h2, 3, 4, 7 ,calls:50%", ["off", "h2, 3, 4, 7 ", "calls:50%"]),
        ("auto:0.1", ["auto:0.1"]),
    ],
)
def test_modes(text, modes):
    assert parse_modes(text) == modes


def test_seeds():
    assert parse_seeds("1-3, 9,2") == [1, 2, 3, 9]
    assert parse_seeds("18446744073709551615") == [2**64 - 1]
    for wrong in ("", "a", "3-1", "-1", "1,,2", "1-99999", str(2**64), "9" * 5000):
        with pytest.raises(ValueError, match="--seeds"):
            parse_seeds(wrong)


class TestPlan:
    def test_every_mode_with_every_seed_the_full_run_first(self):
        plan = Plan(prompt(), {"fast": ["fast", ""], "off": ["off", ""]}, [1, 2])
        assert [str(job) for job in plan.jobs] == ["off seed 1", "fast seed 1", "off seed 2", "fast seed 2"]

    def test_a_jobs_prompt_has_its_mode_its_seed_and_a_report(self):
        plan = Plan(prompt(), FAST, [11])
        for mode in FAST:
            made = plan.prompt_of(QueueJob(mode, 11))
            assert made["3"]["inputs"] == prompt()["3"]["inputs"] | {"seed": 11, "model": ["5", 0]}
            assert made["5"]["class_type"] == "FSamplerModel"
            assert made["5"]["inputs"] == {"model": ["1", 0], "mode": mode, "custom_mode": ""}
            assert made["fsampler_report_5"]["inputs"] == {"report": ["5", 1], "latent": ["3", 0]}
            assert made["fsampler_json_5"]["inputs"] == {"source": ["fsampler_report_5", 1]}
        assert plan.prompt == prompt()

    def test_seeds_that_are_links_stay(self):
        linked = prompt()
        linked["3"]["inputs"]["seed"] = ["9", 0]
        assert Plan(linked, FAST, [4]).prompt_of(QueueJob("fast", 4))["3"]["inputs"]["seed"] == ["9", 0]
        with pytest.raises(ValueError, match="no seed"):
            Plan(linked, FAST, [4, 5])

    def test_the_digest_tells_plans_apart(self):
        other = prompt()
        other["3"]["inputs"]["steps"] = 21
        one, fewer = {"off": ["off", ""]}, [1]
        plans = [
            Plan(prompt(), FAST, [1, 2]),
            Plan(other, FAST, [1, 2]),
            Plan(prompt(), one, [1, 2]),
            Plan(prompt(), FAST, fewer),
        ]
        assert len({plan.digest for plan in plans}) == 4
        assert plans[0].digest == Plan(prompt(), FAST, [1, 2]).digest

    def test_no_sampler(self):
        with pytest.raises(ValueError, match="no sampler"):
            Plan({"4": prompt()["4"]}, FAST, [1])


class TestWiring:
    def test_nodes_of_ours_get_the_mode_and_no_second_one(self):
        ours = prompt()
        ours["3"]["class_type"] = "FSamplerKSampler"
        ours["3"]["inputs"].update(mode="turbo", custom_mode="calls:3")
        made, _ = with_mode(ours, ["fast", ""])
        assert made.keys() == ours.keys()
        assert (made["3"]["inputs"]["mode"], made["3"]["inputs"]["custom_mode"]) == ("fast", "")
        add_reports(made)
        assert made["fsampler_report_3"]["inputs"] == {"report": ["3", 1], "latent": ["3", 0]}

    def test_through_a_guider_to_what_samples(self):
        made, _ = with_mode(
            {
                "m": {"class_type": "UNETLoader", "inputs": {}},
                "g": {"class_type": "CFGGuider", "inputs": {"model": ["m", 0]}},
                "s": {"class_type": "SamplerCustomAdvanced", "inputs": {"guider": ["g", 0]}},
            },
            ["fast", ""],
        )
        add_reports(made)
        assert made["fsampler_report_1"]["inputs"]["latent"] == ["s", 0]

    def test_no_report_where_nothing_known_samples(self):
        made, _ = with_mode(
            {
                "m": {"class_type": "UNETLoader", "inputs": {}},
                "u": {"class_type": "UltimateSDUpscale", "inputs": {"model": ["m", 0]}},
            },
            ["fast", ""],
        )
        before = set(made)
        add_reports(made)
        assert set(made) == before and "FSamplerModel" in {node["class_type"] for node in made.values()}

    def test_a_ring_of_links_ends(self):
        ring = {
            "1": {"class_type": "FSamplerModel", "inputs": {"model": ["2", 0]}},
            "2": {"class_type": "Reroute", "inputs": {"model": ["1", 0]}},
        }
        add_reports(ring)
        assert len(ring) == 2


def test_slugs_are_file_names_and_differ():
    texts = ["off", "h2/s2", "h2-s2", "H2-s2", "calls:50%", "calls:50", "../../x", "..", "", "ü", "a" * 300, "a" * 299]
    slugs = [slug(text) for text in texts]
    assert len({one.lower() for one in slugs}) == len(texts)
    assert all(0 < len(one) < 50 and set(one) <= set(SAFE) for one in slugs), slugs
    assert slug("off") == "off"


SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"


class TestAddress:
    @pytest.mark.parametrize(
        "text, parsed",
        [
            ("127.0.0.1:8188", "http://127.0.0.1:8188"),
            ("https://gpu.lan/comfy/", "https://gpu.lan/comfy"),
            ("http://[::1]:8188", "http://[::1]:8188"),
        ],
    )
    def test_good(self, text, parsed):
        assert address.parse(text) == parsed

    @pytest.mark.parametrize("text", ["ftp://x", "http://", "http://a:99999", "http://a?b=c", "http://u:secret@a"])
    def test_bad(self, text):
        with pytest.raises(ValueError, match="--server") as error:
            address.parse(text)
        assert "secret" not in str(error.value)

    def test_nothing_but_loopback_unless_named(self):
        assert address.parse_all(None) == ["http://127.0.0.1:8188"]
        assert address.parse_all(["a:1", "http://a:1"]) == ["http://a:1"]
        loops = [
            "http://127.0.0.1:1",
            "http://localhost:1",
            "http://[::1]:1",
            "http://10.0.0.1:1",
            "http://localhost.evil",
        ]
        assert [address.is_loopback(one) for one in loops] == [True, True, True, False, False]


@pytest.mark.parametrize(
    "data, kind",
    [
        (b"\x89PNG\r\n\x1a\n..", "png"),
        (b"\xff\xd8\xff\xe0", "jpg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
        (b"GIF89a", "gif"),
        (b"RIFF\0\0\0\0AVI ", "avi"),
        (b"RIFF\0\0\0\0WAVEfmt ", "wav"),
        (b"fLaC\0", "flac"),
        (b"\0\0\0\x20ftypisom", "mp4"),
        (b"\0\0\0\x14ftypqt  ", "mov"),
        (b"\x1aE\xdf\xa3....webm", "webm"),
        (b"\x1aE\xdf\xa3....matroska", "mkv"),
        (b"ID3\x04", "mp3"),
        (b"OggS" + b"\0" * 24 + b"OpusHead", "opus"),
        (b"OggS" + b"\0" * 24 + b"\x01vorbis", "ogg"),
        (b'\x10\0\0\0\0\0\0\0{"a":1}', "safetensors"),
        (b"", "bin"),
        (b"<svg>", "bin"),
        (b"MZ", "bin"),
        (b"#!/bin/sh", "bin"),
        (b"....\0\0\0\0WEBP", "bin"),
    ],
)
def test_the_ending_is_what_the_first_bytes_say(data, kind):
    assert ending(data) == kind


def test_files_in_a_history_whatever_a_server_makes_of_it():
    """Every list of files counts, whatever its name; pictures first, nothing twice, no input, none of our own."""
    outputs = {
        "1": {"images": [{"filename": "a", "type": "output"}, {"filename": 3}, "b"]},
        "2": {"images": 7},
        "4": {"images": [{"filename": "chart"}]},
        "5": {
            "gifs": [{"filename": "b.mp4", "format": "x"}],
            "audio": [{"filename": "c"}],
            "animated": [True],
            "videos": [{"filename": "d"}, {"filename": "b.mp4"}],
            "images": [{"filename": "e"}],
            "anything": [{"filename": "f", "subfolder": "s"}, {"filename": "g", "type": "input"}],
            "text": ["h"],
        },
    }
    prompt = {"1": {"class_type": "SaveImage"}, "4": {"class_type": "FSamplerReport"}}
    found = list(listed(outputs, prompt))
    assert found[0] == ("1", 0, Listed(filename="a", type="output"))
    assert [(number, index, file.filename, file.subfolder) for number, index, file in found[1:]] == [
        ("5", 0, "e", ""),
        ("5", 1, "b.mp4", ""),
        ("5", 2, "c", ""),
        ("5", 3, "d", ""),
        ("5", 4, "f", "s"),
    ]


@pytest.mark.parametrize(
    "status, said",
    [
        ({"status_str": "success"}, None),
        (
            {"status_str": "error", "messages": [["execution_error", {"node_id": "3", "exception_message": "no\n"}]]},
            "'KS",
        ),
        ({"status_str": "error", "messages": [["execution_interrupted", {"node_id": "3"}]]}, "interrupted"),
        ({}, "does not say why"),
        (None, "does not say why"),
    ],
)
def test_why_a_run_failed(status, said):
    why = failure(parse(Entry, json.dumps({"status": status}), "/history"), prompt())
    assert why is None if said is None else said in why


def test_a_refusal_names_nodes_and_inputs():
    answer = {
        "error": {"message": "Prompt outputs failed validation"},
        "node_errors": {
            "3": {
                "errors": [
                    {"message": "Value too small", "details": "steps", "extra_info": {"input_name": "steps"}},
                ]
            }
        },
    }
    assert said_against(answer) == ["node 'KSampler' (3), input 'steps': Value too small (steps)"]
    for message in ("Cannot execute because node KSampler does not exist.", "Node 'KSampler' not found."):  # 0.3, 0.33
        missing = {"error": {"message": message, "details": "Node ID '#3'"}, "node_errors": {}}
        assert said_against(missing) == [f"node 'KSampler' (3), class 'KSampler': {message} Node ID '#3'"]
    for odd in ({}, {"error": "busy"}, {"error": None, "node_errors": []}, {"node_errors": {"3": {}}}):
        assert len(said_against(odd)) == 1


def said_against(answer):
    return complaints(parse(Submitted, json.dumps(answer), "/prompt"), prompt())


@pytest.mark.parametrize(
    "text, version",
    [
        ("0.3.64", (0, 3, 64)),
        ("v0.8.0-2-gabc", (0, 8, 0)),
        ("0.33", (0, 33, 0)),
        ("of unknown version", ()),
    ],
)
def test_versions(text, version):
    assert version_of(text) == version


def test_whole_numbers_of_a_server_stay_whole():
    """The bar shows step 3/20, not 3.0/20.0."""
    heard = parse(Heard, '{"value": 3, "max": 20}', "/ws")
    assert (repr(heard.value), repr(heard.max)) == ("3", "20") and parse(Heard, '{"value": 0.5}', "/ws").value == 0.5
