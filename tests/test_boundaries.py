"""What may import what: the core needs torch and the standard library; the package itself needs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = sorted((ROOT / "fsampler").glob("*.py"))
PIL_USERS = {"chart.py", "report.py"}  # imported only when a chart is asked for; by the report for its type


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_imports_only_torch_the_standard_library_and_itself(path):
    allowed = {"torch", *sys.stdlib_module_names} | ({"PIL"} if path.name in PIL_USERS else set())
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, "a relative import that leaves fsampler/"
            assert node.level == 1 or node.module.split(".")[0] in allowed


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
