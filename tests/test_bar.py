"""Progress: a bar with the time left on a terminal, plain lines without one; every long command has it."""

import ast
import io
import re
from pathlib import Path

import pytest
from comfyui_fsampler.tools.bar import Bar, progress

ROOT = Path(__file__).resolve().parents[1]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, stream, work):
    monkeypatch.setattr("sys.stderr", stream)
    work()
    return stream.getvalue()


def test_a_terminal_shows_a_bar_with_the_time_left(monkeypatch):
    def work():
        with Bar("calls", 4) as bar:
            bar.total = 8
            bar.set_description("fast")
            for _ in range(8):
                bar.update()
                bar._bar.refresh()

    text = shown(monkeypatch, Terminal(), work)
    assert "calls, fast 4/8 |" in text and " left" in text
    assert text.rpartition("\r")[2].strip() == ""  # nothing stays


def test_without_a_terminal_there_is_a_line_for_each_tenth(monkeypatch):
    assert [*progress("abc", 3, "cells")] == ["a", "b", "c"]
    text = shown(monkeypatch, io.StringIO(), lambda: [*progress(range(50), 50, "cells")])
    assert text.splitlines() == [f"cells {done}/50" for done in range(5, 51, 5)]
    text = shown(monkeypatch, io.StringIO(), lambda: [*progress(range(3), 3, "cells")])
    assert text.splitlines() == ["cells 1/3", "cells 2/3", "cells 3/3"]


def test_few_items_need_no_lines_where_that_is_asked_for(monkeypatch):
    assert shown(monkeypatch, io.StringIO(), lambda: [*progress(range(9), 9, "pictures", few=20)]) == ""


def test_lines_say_what_is_at_work(monkeypatch):
    def work():
        with Bar("calls") as bar:
            bar.total = 2
            bar.set_description("fast")
            bar.update()
            bar.total = 1

    assert shown(monkeypatch, io.StringIO(), work) == "calls 1/2, fast\n"


def test_nothing_to_do_is_no_error(monkeypatch):
    assert shown(monkeypatch, io.StringIO(), lambda: [*progress([], 0, "cells")]) == ""


# What runs for long, beside the file in which its loop is. Workers and stubs are started by another command, which has
# a bar.
LONG = {path.relative_to(ROOT).as_posix() for path in (ROOT / "research/benchmarks").rglob("*.py")}
LONG = {
    name
    for name in LONG
    if '__name__ == "__main__"' in (ROOT / name).read_text() and not re.search("worker|stub", name)
}


@pytest.mark.parametrize("name", [*sorted(LONG), "research/demo/command.py", "research/demo/train.py"])
def test_every_long_command_has_a_bar(name):
    path = ROOT / name
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    assert any((node.module or "").endswith("tools.bar") for node in imports)


def test_there_is_one_kind_of_bar():
    for path in (*(ROOT / "research").rglob("*.py"), *(ROOT / "tools").rglob("*.py")):
        if path.name not in ("bar.py", "progress.py"):
            assert "tqdm" not in {word for line in path.read_text().splitlines() for word in line.split()[1:2]}, path


def test_the_demo_counts_its_calls_in_lines(tmp_path, capsys):
    from comfyui_fsampler.tools import cli

    given = ["--steps", "6", "--count", "1", "--mode", "h2/s2", "--out", str(tmp_path)]
    assert cli.main(["demo", *given]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 5 and all(line.startswith("model calls ") for line in lines)
    assert lines[-1].startswith("model calls 11/")  # six of the full run, and five of h2/s2's six
