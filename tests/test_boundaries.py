"""What may import what: the core needs torch and the standard library; the package itself needs nothing; nodes and
tools stand on the core and the solvers, and not on each other; nothing that ships needs research/."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = sorted((ROOT / "fsampler").glob("*.py"))
PIL_USERS = {
    "chart.py",
    "plan_chart.py",
    "report.py",
}  # imported only when a chart is asked for; by the report for its type

PACK = "comfyui_fsampler"
# By folder: the folders of the pack that it may import, and what it may import beside them and the standard library.
ALLOWED = {
    "fsampler": ({"fsampler"}, {"torch", "PIL"}),
    "samplers": ({"samplers"}, {"torch"}),
    "nodes": (
        {"nodes", "fsampler", "samplers"},
        {
            "comfy",
            "comfy_execution",
            "comfy_extras",
            "nodes",
            "torch",
            "numpy",
            "PIL",
            "kornia",
            "tqdm",
        },  # ComfyUI, and what it brings
    ),
    "tools": (
        {"tools", "fsampler", "samplers"},
        {"torch", "numpy", "PIL", "torchmetrics", "tqdm", "pydantic", "certifi", "websockets", "ray"},
    ),
}
SHIPPED = sorted(path for folder in ALLOWED for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_imports_only_torch_the_standard_library_and_itself(path):
    allowed = {"torch", *sys.stdlib_module_names} | ({"PIL"} if path.name in PIL_USERS else set())
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, "a relative import that leaves fsampler/"
            assert node.level == 1 or node.module.split(".")[0] in allowed


def imported(path):
    """The full names of what a file imports, wherever in it the statement stands."""
    package = [PACK, *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield from (".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names)


def is_folder(name):
    return (ROOT / name).is_dir()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_folder_imports_only_what_it_may(path):
    folders, others = ALLOWED[path.relative_to(ROOT).parts[0]]
    for name in imported(path):
        top, *rest = name.split(".")
        if top != PACK:
            assert top in others | sys.stdlib_module_names, name
        elif rest and is_folder(rest[0]):
            assert rest[0] in folders, name


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_the_command_line_names_research(path):
    assert path == ROOT / "tools/cli.py" or "fsampler_research" not in path.read_text()


def loaded_after(code):
    """Top-level modules a fresh interpreter holds after `code`, with the repository as comfyui_fsampler."""
    script = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("comfyui_fsampler", {str(ROOT / "__init__.py")!r},
                                              submodule_search_locations=[{str(ROOT)!r}])
module = sys.modules["comfyui_fsampler"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
{code}
print(" ".join(sorted({{"/".join(name.split(".")[:2]) for name in sys.modules}})))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.split())


def test_importing_the_pack_imports_neither_comfy_nor_torch():
    loaded = loaded_after("")
    assert "comfyui_fsampler" in loaded
    assert not loaded & {
        "torch",
        "comfy",
        "nodes",
        "numpy",
        "PIL",
        "comfyui_fsampler/fsampler",
        "comfyui_fsampler/nodes",
    }


def test_importing_the_core_imports_neither_comfy_nor_solvers_nor_pillow():
    loaded = loaded_after("import comfyui_fsampler.fsampler")
    assert {"torch", "comfyui_fsampler/fsampler"} <= loaded
    assert not loaded & {
        "comfy",
        "nodes",
        "PIL",
        "comfyui_fsampler/nodes",
        "comfyui_fsampler/samplers",
        "comfyui_fsampler/demo",
    }


def test_importing_the_command_line_imports_neither_research_nor_torch():
    loaded = loaded_after("import comfyui_fsampler.tools.cli")
    assert "comfyui_fsampler/tools" in loaded
    assert not {name.partition("/")[0] for name in loaded} & {"fsampler_research", "torch", "numpy", "PIL", "comfy"}


def test_importing_every_command_imports_neither_research_nor_nodes():
    commands = ", ".join(
        f"comfyui_fsampler.tools.{name}.command" for name in ("convert", "queueing", "doctor", "compare")
    )
    loaded = loaded_after(f"import {commands}")
    assert not {name.partition("/")[0] for name in loaded} & {"fsampler_research", "comfy", "nodes"}
    assert "comfyui_fsampler/nodes" not in loaded
