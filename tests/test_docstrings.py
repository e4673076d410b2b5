"""The examples in docstrings give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
FILES = [file for folder in ("samplers", "tools") for file in sorted((ROOT / folder).rglob("*.py"))]
WITH_EXAMPLES = [file.relative_to(ROOT) for file in FILES if ">>> " in file.read_text(encoding="utf-8")]


@pytest.mark.parametrize("file", WITH_EXAMPLES, ids=str)
def test_the_examples_of_a_module(file):
    names = [part for part in file.with_suffix("").parts if part != "__init__"]
    module = importlib.import_module(".".join(["comfyui_fsampler", *names]))
    result = doctest.testmod(module, extraglobs={"torch": torch})
    assert result.attempted and not result.failed
