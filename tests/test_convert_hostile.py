"""Files that no ComfyUI writes: `convert` and `queue` end with one line, and take time in proportion to the file."""

import copy
import json
import os
import sys
import zlib
from pathlib import Path

import pytest
from comfyui_fsampler.tools import cli, files
from comfyui_fsampler.tools.convert import api, convert, png
from comfyui_fsampler.tools.queueing import wiring
from hypothesis import given, settings
from hypothesis import strategies as st

FAST = ["fast", ""]
PLAIN = {
    "last_node_id": 2,
    "last_link_id": 1,
    "version": 0.4,
    "groups": [],
    "links": [[1, 1, 0, 2, 0, "MODEL"]],
    "nodes": [
        {
            "id": 1,
            "type": "UNETLoader",
            "pos": [0, 0],
            "size": [200, 80],
            "inputs": [],
            "outputs": [{"name": "MODEL", "type": "MODEL", "links": [1]}],
            "widgets_values": ["a", "default"],
        },
        {
            "id": 2,
            "type": "KSampler",
            "pos": [300, 0],
            "size": [300, 260],
            "inputs": [{"name": "model", "type": "MODEL", "link": 1}],
            "outputs": [{"name": "LATENT", "type": "LATENT", "links": []}],
            "widgets_values": [1, "fixed", 20, 8.0, "euler", "normal", 1.0],
        },
    ],
}


def plain(**changed):
    return copy.deepcopy(PLAIN) | changed


def with_subgraph(**form):
    return plain(definitions={"subgraphs": [form]})


def sampler_with(**changed):
    workflow = plain()
    workflow["nodes"][1] |= changed
    return workflow


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def refused(path, capsys, command="convert"):
    """The line that says why a file is refused."""
    assert cli.main([command, str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("fsampler: error: ") and said.err.count("\n") == 1
    return said.err


CONVERTIBLE = {
    "an infinite counter": json.dumps(PLAIN).replace('"last_node_id": 2', '"last_node_id": 1e999'),
    "a counter past what pages count": json.dumps(plain(last_node_id=10**400, last_link_id=-1)),
    "an infinite size": json.dumps(sampler_with(size=[float("inf"), 1])),
    "a place of many digits": json.dumps(sampler_with(pos=[10**400, float("nan")])),
    "an infinite group": json.dumps(plain(groups=[{"bounding": [0, 0, float("inf"), 10**400]}])),
    "slots below nothing": json.dumps(plain(links=[[1, 1, -9, 2, -9, "MODEL"]])),
}


@pytest.mark.parametrize("text", CONVERTIBLE.values(), ids=CONVERTIBLE)
@pytest.mark.parametrize("style", ["model", "ksampler"])
def test_odd_numbers_are_left_alone_and_come_back(text, style, tmp_path):
    first, second, third = (tmp_path / name for name in ("a.json", "b.json", "c.json"))
    first.write_text(text)
    assert cli.main(["convert", str(first), "-o", str(second), "--style", style]) == 0
    assert cli.main(["convert", str(second), "-o", str(third), "--revert"]) == 0
    assert third.read_text().strip() == json.dumps(json.loads(text))


REFUSED = {
    "a subgraph without nodes": (
        with_subgraph(id="a", name="b"),
        "nodes of subgraph 'b' is 'missing'; expected a list",
    ),
    "a subgraph with a list for an id": (with_subgraph(id=[1], name="b", nodes=[], links=[]), "the id of subgraph 'b'"),
    "a subgraph with a number for inputs": (
        with_subgraph(id="a", name="b", nodes=[], inputs=[5]),
        "inputs of subgraph",
    ),
    "links of a border that are none": (
        with_subgraph(id="a", name="b", nodes=[], outputs=[{"linkIds": 3}]),
        "outputs of subgraph",
    ),
    "extra that is a list": (plain(extra=[1]), "extra of the workflow"),
    "101 levels": (plain(extra={"a": nested(100)}), "nested too deeply"),
}


@pytest.mark.parametrize("workflow, said", REFUSED.values(), ids=REFUSED)
def test_odd_parts_are_named(workflow, said, tmp_path, capsys):
    (tmp_path / "a.json").write_text(json.dumps(workflow))
    assert said in refused(tmp_path / "a.json", capsys)


@pytest.mark.parametrize("command", ["convert", "queue"])
@pytest.mark.parametrize("depth", [90, 300, 900, 100_000])
def test_a_prompt_nested_at_any_depth(depth, command, tmp_path, capsys):
    text = '{"1": {"class_type": "KSampler", "inputs": {"x": %s}}}' % ("[" * depth + "]" * depth)
    (tmp_path / "a.json").write_text(text)
    assert ("nested too deeply" in refused(tmp_path / "a.json", capsys, command)) == (depth > 97)


def test_a_number_of_thousands_of_digits(tmp_path, capsys):
    (tmp_path / "a.json").write_text('{"nodes": [%s]}' % ("1" * 5000))
    assert "a number of thousands of digits" in refused(tmp_path / "a.json", capsys)


@pytest.mark.parametrize(
    "text, found",
    [
        ('{"a": 1}', "an object with the keys 'a';"),
        ("{}", "an empty object;"),
        ("[1, 2]", "a list of 2;"),
        ("null", "null;"),
        ('"%s"' % ("x" * 10_000), "str 'xxx"),
    ],
)
def test_what_is_neither_says_what_it_is_and_what_is_expected(text, found, tmp_path, capsys):
    (tmp_path / "a.json").write_text(text)
    said = refused(tmp_path / "a.json", capsys)
    assert f"is neither a workflow nor a prompt: it holds {found}" in said and "expected an object with" in said
    assert len(said) < 1000


@pytest.mark.parametrize("command", ["convert", "queue"])
@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_what_is_no_regular_file_is_refused_at_once(kind, command, tmp_path, capsys):
    path = Path("/dev/zero")
    if kind == "fifo":
        os.mkfifo(path := tmp_path / "a.json")
    elif not path.exists():
        pytest.skip("no such device")
    assert "not a regular file" in refused(path, capsys, command)


def test_a_file_too_large_for_memory_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(files.read_file, "__defaults__", (1000,))
    (tmp_path / "a.json").write_text(" " * 1001)
    assert "more than 1000" in refused(tmp_path / "a.json", capsys)


def chunk(kind, body):
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def picture(*chunks):
    return png.SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")


def test_texts_of_other_names_are_not_unpacked():
    bombs = [chunk(b"zTXt", b"note%d\0\0" % number + zlib.compress(b" " * 2**24)) for number in range(20)]
    broken = chunk(b"zTXt", b"note\0\0no deflate stream")
    assert png.texts(picture(*bombs, broken, chunk(b"tEXt", b"prompt\0{}")), "a.png") == {"prompt": "{}"}


@pytest.mark.parametrize("kind, head", [(b"zTXt", b"\0"), (b"iTXt", b"\1\0\0\0")])
def test_what_is_unpacked_is_bounded_in_all(kind, head, monkeypatch):
    monkeypatch.setattr(png, "MOST", 1000)
    half = [chunk(kind, name + b"\0" + head + zlib.compress(b" " * 600)) for name in (b"workflow", b"prompt")]
    assert len(png.texts(picture(half[0]), "a.png")["workflow"]) == 600
    with pytest.raises(ValueError, match="more than 0 MiB"):
        png.texts(picture(*half), "a.png")


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"IDAT"]), st.binary(max_size=30))), st.binary())
def test_any_bytes_after_the_signature_of_a_png(chunks, rest):
    data = png.SIGNATURE + b"".join(chunk(kind, b"prompt\0" + body) for kind, body in chunks) + rest
    try:
        assert all(isinstance(text, str) for text in png.texts(data, "a.png").values())
    except ValueError as error:
        assert "a.png" in str(error)


@pytest.mark.parametrize("end", [(2, 7), (1, 0), (99, 3)])
def test_a_link_that_ends_elsewhere_than_its_slot_comes_back(end):
    """The node that the link names and the one whose input holds it disagree, in the file."""
    workflow = plain(links=[[1, 1, 0, *end, "MODEL"]])
    before = copy.deepcopy(workflow)
    assert convert.convert(workflow, FAST, "model", False).changed
    json.dumps(workflow)
    convert.revert(workflow)
    assert workflow == before


# -- in proportion to the file -----------------------------------------------------------------------------------------


def graph(count, apart, chained=False):
    """So many KSamplers, ``apart`` pixels from each other; with ``chained``, each behind all LoRAs so far."""
    nodes, links, last = [copy.deepcopy(PLAIN["nodes"][0])], [], 1

    def add(kind, x, gives):
        number = len(nodes) + 1
        links.append([len(links) + 1, last, 0, number, 0, "MODEL"])
        slot = {"name": "model", "type": "MODEL", "link": len(links)}
        shape = {"pos": [x, 0], "size": [200, 100], "inputs": [slot], "outputs": [{"name": gives, "type": gives}]}
        nodes.append({"id": number, "type": kind, "widgets_values": PLAIN["nodes"][1]["widgets_values"]} | shape)
        return number

    for index in range(count):
        if chained:
            last = add("LoraLoaderModelOnly", 300 + index * apart, "MODEL")
        add("KSampler", 600 + index * apart, "LATENT")
    groups = [{"title": "", "bounding": [590 + index * apart, -40, 220, 150]} for index in range(count)]
    return plain(nodes=nodes, links=links, groups=groups if apart else [])


def cycle(count):
    """A ring of LoRAs without a beginning, each with a sampler."""
    workflow = graph(count, 900, chained=True)
    ring = [node["id"] for node in workflow["nodes"] if node["type"] == "LoraLoaderModelOnly"]
    next(link for link in workflow["links"] if link[3] == ring[0])[1] = ring[-1]
    return workflow


def prompt(count, chained=False):
    nodes, last = {"1": {"class_type": "UNETLoader", "inputs": {}}}, "1"
    for index in range(count):
        if chained:
            nodes[f"lora {index}"] = {"class_type": "LoraLoaderModelOnly", "inputs": {"model": [last, 0]}}
            last = f"lora {index}"
        nodes[f"sampler {index}"] = {"class_type": "KSampler", "inputs": {"model": [last, 0], "seed": 1}}
    return nodes


def work(function, *arguments):
    """How many instructions of the converter and the queue a call takes."""
    steps = 0

    def trace(frame, event, _):
        nonlocal steps
        if "/tools/" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        steps += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*arguments)
    finally:
        sys.settrace(before)
    return steps


def there_and_back(form, make):
    def both(value):
        assert form.convert(value, FAST, "model", False).changed
        form.convert(value, FAST, "model", True)
        form.revert(value)

    return lambda count: work(both, make(count))


def queued(count):
    return work(lambda value: wiring.add_reports(wiring.with_mode(value, FAST)[0]), prompt(count))


LINEAR = {
    "apart": there_and_back(convert, lambda count: graph(count, 5000)),
    "in a chain": there_and_back(convert, lambda count: graph(count, 5000, chained=True)),
    "in a ring": there_and_back(convert, cycle),
    "a prompt": there_and_back(api, prompt),
    "a prompt in a chain": there_and_back(api, lambda count: prompt(count, chained=True)),
    "reports": queued,
}


@pytest.mark.parametrize("measure", LINEAR.values(), ids=LINEAR)
def test_twice_the_samplers_are_twice_the_work(measure):
    measure(2)  # fills the caches
    small, large = measure(10), measure(40)
    assert large < 4.4 * small, (small, large)  # 16 times in a square


def test_samplers_on_one_spot_have_bounded_work():
    """The new nodes fill the ground around it; past a point more of them change nothing."""
    measure = there_and_back(convert, lambda count: graph(count, 0))
    small, large = measure(10), measure(30)
    assert large < 5 * small, (small, large)
