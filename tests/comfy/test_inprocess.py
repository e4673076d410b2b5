"""The tests in ``inprocess``, each file in a process of its own with ComfyUI's Python."""

import importlib.metadata
import os
import subprocess
from pathlib import Path

import find
import pytest

HERE = Path(__file__).parent
FILES = sorted((HERE / "inprocess").glob("test_*.py"))
PYTEST = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")  # pure Python; ComfyUI's may have none


@pytest.fixture(scope="module")
def borrowed(tmp_path_factory):
    """A folder of links to this Python's pytest and what it needs, and to nothing else."""
    folder = tmp_path_factory.mktemp("pytest")
    for distribution in map(importlib.metadata.distribution, PYTEST):
        for name in {Path(file).parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            (folder / name).symlink_to(distribution.locate_file(name))
    return folder


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_in_comfyuis_python(file, comfyui, borrowed):
    environment = os.environ | {"COMFYUI_PATH": str(comfyui), "PYTHONPATH": str(borrowed)}
    result = subprocess.run(
        [find.interpreter(comfyui), "-m", "pytest", str(file), "-q", "-p", "no:cacheprovider", "--show-capture=log"],
        cwd=HERE,
        env={"OMP_NUM_THREADS": "1"} | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if result.returncode == pytest.ExitCode.NO_TESTS_COLLECTED:
        pytest.skip("nothing in it is for this version")
    if result.returncode:
        pytest.fail(result.stdout, pytrace=False)
