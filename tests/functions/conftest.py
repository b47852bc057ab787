"""Puts the layers and the training script where Lambda and a shell would find them."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

FUNCTIONS = Path(__file__).parents[2] / "functions"
sys.path[:0] = [
    str(FUNCTIONS / "kdd99" / "layer" / "python"),
    str(FUNCTIONS / "models" / "layer" / "python"),
    str(FUNCTIONS / "kdd99"),
    str(FUNCTIONS / "segmentation"),  # behind kdd99, whose train.py is the one that tests import
]


@pytest.fixture(scope="session")
def app() -> Callable[[str], ModuleType]:
    """The app.py of a function's folder, each under a name of its own and loaded once."""

    def load(function: str) -> ModuleType:
        name = f"{function}.app"
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, FUNCTIONS / function / "app.py")
            assert spec is not None
            assert spec.loader is not None
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
        return sys.modules[name]

    return load


@pytest.fixture(scope="session")
def known() -> dict[str, Any]:
    """records, their labels, and the probabilities that the SavedModel gave in training."""
    text = (FUNCTIONS / "kdd99" / "records.json").read_text(encoding="utf-8")
    return dict(json.loads(text))
