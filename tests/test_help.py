"""The help of the command line: 80 columns, and an example that can be copied, for every command."""

import re
import shlex

import pytest
from comfyui_fsampler.tools import cli


def help_of(monkeypatch, capsys, columns, *command):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as exit_:
        cli.main([*command, "--help"])
    assert exit_.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("command", [[], *([name] for name in cli.COMMANDS)], ids=lambda command: "".join(command))
def test_help_fits_and_has_an_example(command, columns, monkeypatch, capsys):
    text = help_of(monkeypatch, capsys, columns, *command)
    assert max(map(len, text.splitlines())) <= min(80, columns)
    (example,) = re.findall(r"^example: (.+)$", help_of(monkeypatch, capsys, 80, *command), re.MULTILINE)
    words = shlex.split(example)
    assert words[0] == "fsampler" and words[1:2] == (command or words[1:2])
    cli.parse(words[1:])  # raises for what the command does not take


def test_the_help_lists_every_command(monkeypatch, capsys):
    text = help_of(monkeypatch, capsys, 80)
    assert all(re.search(rf"^    {name} ", text, re.MULTILINE) for name in cli.COMMANDS)
