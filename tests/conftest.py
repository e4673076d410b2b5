"""Load the repository root as the package `comfyui_fsampler`, make `gaussian` importable, keep torch on one thread."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's importlib mode leaves it out; tests import `gaussian`, `toys`

import fsampler_package  # noqa: E402, F401


@pytest.fixture(autouse=True)
def one_thread():
    """The tensors are tiny: more threads only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def beside(tmp_path, capsys):
    """``beside(stub)``: what is said when a server like that works with a healthy one; all jobs must be done."""

    from stub_server import JOBS, Stub, late, queue

    def run(bad, limit=2.0):
        with bad, Stub(system_stats=late) as good:
            assert queue(tmp_path, bad, good, limit=limit) == (0, JOBS)
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        return said.err + said.out

    return run
