"""docs/headless.md is true: every command of it runs here, one after another, and prints what the page says.

Servers are stand-ins, at whatever port is free; "..." in the page stands for anything.
"""

import contextlib
import doctest
import io
import json
import re
import shlex
from pathlib import Path

import pytest
from comfyui_fsampler.tools import cli
from PIL import Image
from stub_server import PROMPT, late
from test_convert import LATENT, ksampler, loader, node, workflow
from test_doctor import server

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/headless.md").read_text(encoding="utf-8")
LONGEST = 120  # lines of the page; it is what a pipeline engineer needs, no more
FILES = {
    "portrait.json": workflow(loader(), ksampler(2, (1, 0))),
    "portrait_api.json": PROMPT,
    "wan.json": workflow(node(1, "WanVideoSampler", {"model": ("WANVIDEOMODEL", None)}, (LATENT,))),
}


def sessions():
    """``(command, what it prints)`` of every command in the page's blocks."""
    for block in re.findall(r"^```\w*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        assert block.startswith("$ "), "a block without a command"
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed


def picture():
    """A picture that can be compared."""
    file = io.BytesIO()
    Image.effect_noise((32, 32), 60).convert("RGB").save(file, "png")
    return file.getvalue()


def test_the_commands_run_one_after_another_and_print_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, data in FILES.items():
        Path(name).write_text(json.dumps(data))
    seen = picture()
    every = list(sessions())
    assert {shlex.split(command)[1] for command, _ in every} == {"convert", "doctor", "queue", "compare"}
    with server(view=seen, prompt=late) as first, server(view=seen, prompt=late) as second:
        places = {"127.0.0.1:8188": first.name, "127.0.0.1:8189": second.name}
        for command, promised in every:  # in order: one needs what another wrote
            given = command
            for ours, theirs in places.items():
                given = given.replace(ours, theirs)
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = cli.main(shlex.split(given)[1:])
            printed = out.getvalue() if code == 0 else err.getvalue()
            for ours, theirs in places.items():
                printed = printed.replace(theirs, ours)
            assert code == (2 if promised.startswith("fsampler: error") else 0), (command, err.getvalue())
            same = doctest.OutputChecker().check_output(promised, printed, doctest.ELLIPSIS)
            assert same, f"{command}\n{printed}"
    assert (tmp_path / "out/queue/portrait_api/report.html").exists()
    assert json.loads(Path("portrait.original.json").read_text()) == FILES["portrait.json"]


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_options_that_the_page_names_exist(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    known = capsys.readouterr().out
    for row in re.findall(rf"^\| option of `{command}` .*?\n\n", PAGE, re.MULTILINE | re.DOTALL):
        options = re.findall(r"^\| `(--\w+)", row, re.MULTILINE)
        assert options and all(option in known for option in options)


def test_what_the_page_tells_to_install_exists():
    (extra,) = re.findall(r'pip install "fsampler\[(\w+)\]"', PAGE)
    assert re.search(rf"^{extra} = ", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


def test_the_page_is_short():
    assert len(PAGE.splitlines()) <= LONGEST
