"""Tests that need a ComfyUI: real servers on loopback, a real browser, and its own Python for ``inprocess``.

Without a ComfyUI none is collected, and one line says so. ``find`` says where it is looked for.
"""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # pytest's importlib mode leaves it out; tests import `find`, `server`, `graphs`

import find  # noqa: E402

COMFYUI = find.comfyui()
if COMFYUI is None:
    collect_ignore_glob = ["test_*.py", "inprocess"]


def pytest_ignore_collect(collection_path, config):
    """``inprocess`` belongs to ComfyUI's Python: test_inprocess.py starts it there. Named outright, it is collected."""
    named = any("inprocess" in str(argument) for argument in config.invocation_params.args)
    return True if collection_path == HERE / "inprocess" and not named else None


def pytest_terminal_summary(terminalreporter):
    if COMFYUI is None:
        terminalreporter.write_line(find.HOW)
    elif find.chromium() is None:
        terminalreporter.write_line(f"tests/comfy/test_browser.py: {find.HOW_BROWSER}")


@pytest.fixture(scope="session")
def comfyui():
    """The ComfyUI under test."""
    if COMFYUI is None:  # a file named outright is collected all the same
        pytest.skip(find.HOW)
    return COMFYUI


@pytest.fixture(scope="session")
def server(comfyui, tmp_path_factory):
    """A running ComfyUI with this pack and the test pack; previews on."""
    from server import Server

    with Server(comfyui, tmp_path_factory.mktemp("comfyui"), "--preview-method", "latent2rgb") as running:
        yield running


@pytest.fixture
def client(server):
    """A websocket to the server."""
    with server.client() as connected:
        yield connected


@pytest.fixture(scope="session")
def second(comfyui, tmp_path_factory):
    """Another one beside ``server``."""
    from server import Server

    with Server(comfyui, tmp_path_factory.mktemp("second") / "base") as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find.chromium(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def queue(tmp_path):
    """``fsampler queue`` in a folder of its own."""
    from queueing import Queue

    return Queue(tmp_path)
