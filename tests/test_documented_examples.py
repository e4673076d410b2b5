"""The documentation is true: its examples run and print what they say, what it links to exists, its API page is new."""

import ast
import contextlib
import doctest
import importlib
import io
import re
from pathlib import Path

import pytest
from fsampler_research import api

ROOT = Path(__file__).parents[1]
GUIDES = ("README.md", "CONTRIBUTING.md", "docs/architecture.md")
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("research/**/*.md")})
MODULES = sorted(path.stem for path in (ROOT / "fsampler").glob("*.py"))
FOLDERS = ("fsampler", "samplers", "nodes", "tools", "research")
CODE = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def blocks(text):
    """The code of every ```python block."""
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def promised(code):
    """What a block says that it prints: the comment after each ``print(...)`` at the beginning of a line."""
    return re.findall(r"^print\(.*\)  # (.*)$", code, re.MULTILINE)


@pytest.mark.parametrize("page", GUIDES)
def test_the_examples_of_a_page_run_one_after_the_other_and_print_what_they_say(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # they may save a picture
    names = {"__name__": "example"}
    found = blocks((ROOT / page).read_text(encoding="utf-8"))
    assert found
    for code in found:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, page, "exec", dont_inherit=True), names)  # noqa: S102
        assert printed.getvalue().splitlines() == promised(code)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings(name):
    module = importlib.import_module(f"comfyui_fsampler.fsampler.{name}".removesuffix(".__init__"))
    assert doctest.testmod(module).failed == 0


def anchor(heading):
    """GitHub's address of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def headings(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_and_image_of_a_page_exists(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, section = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not section or section in map(anchor, headings(target)), link


def test_every_section_that_code_names_exists():
    """Comments and docstrings say: docs/measurements.md, "The learned trend". A line may end anywhere in between."""
    named = set()
    for path in CODE:
        text = re.sub(r"\s*\n\s*#?\s*", " ", path.read_text(encoding="utf-8"))
        named |= {(page, section) for page, section in re.findall(r'(docs/[\w/]+\.md),? "([^"]+)"', text)}
        assert all((ROOT / page).exists() for page in re.findall(r"docs/[\w/]+\.md", text) if page != "docs/x.md"), path
    assert ("docs/measurements.md", "The learned trend") in named
    for page, section in sorted(named):
        assert section in headings(ROOT / page), section


def test_the_api_page_is_what_the_docstrings_say():
    assert api.main(["--check"]) == 0, "python -m fsampler_research.api"


def test_the_table_of_modules_has_them_all_in_the_order_of_their_imports():
    table = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").partition("| module | one idea |")[2]
    rows = [re.findall(r"`(\w+)\.py`", line.split("|")[1]) for line in table.partition("\n\n")[0].splitlines()[2:]]
    assert sorted(name for row in rows for name in row) == [name for name in MODULES if name != "__init__"]
    above = set()
    for row in rows:
        above |= {*row}
        for name in row:
            tree = ast.parse((ROOT / "fsampler" / f"{name}.py").read_text(encoding="utf-8"))
            assert {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level} <= above
