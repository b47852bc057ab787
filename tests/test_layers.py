"""Who may import whom. A layer that is not in the table may not exist."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "emulator"

LAYERS: dict[str, frozenset[str]] = {
    "core": frozenset(),
    "errors": frozenset(),
    "config": frozenset({"core", "errors"}),
    "template": frozenset({"core", "errors"}),
    "telemetry": frozenset({"core"}),
    "sim": frozenset({"core"}),
    "live": frozenset({"core", "telemetry", "errors", "config"}),
    "api": frozenset({"core", "live", "telemetry", "errors", "config"}),
    "experiments": frozenset({"core", "sim", "telemetry", "errors", "config"}),
}
LAYERS["cli"] = frozenset(LAYERS)
"""The only composition root."""

SPLIT = {
    "up": "cli",
    "template_functions": "template",
    "template_options": "template",
    "template_properties": "template",
    "yaml_nodes": "template",
}
"""Modules beside the packages that are parts of a layer with another name."""

PURE = frozenset(
    {
        "__future__",
        "abc",
        "base64",
        "bisect",
        "collections",
        "dataclasses",
        "enum",
        "functools",
        "heapq",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "statistics",
        "string",
        "types",
        "typing",
    }
)
"""What core may import of the standard library: nothing that knows time, chance or the world."""


def layer_of(path: Path) -> str:
    """`emulator/core/model.py` is of `core`, `emulator/cli.py` of `cli`."""
    return named(path.relative_to(ROOT / PACKAGE).with_suffix("").parts[0])


def named(module: str) -> str:
    return SPLIT.get(module, module)


def imported(source: str, package: str) -> set[str]:
    """The full names of all modules that a module of `package` imports, wherever in its text.

    `from emulator import core` imports `emulator.core`, and so does `from . import core`.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base == PACKAGE:
                names |= {f"{base}.{alias.name}" for alias in node.names}
            else:
                names.add(base)
        elif is_import_call(node):
            names.add(node.args[0].value)
    return names


def is_import_call(node: ast.AST) -> bool:
    """`import_module("name")` or `__import__("name")`."""
    if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
        return False
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in {"import_module", "__import__"}


def violations(layer: str, source: str, package: str) -> list[str]:
    """What the source imports that its layer may not."""
    if layer not in LAYERS:
        return [f"the layer {layer} is not in the table of {Path(__file__).name}"]
    wrong = []
    for name in sorted(imported(source, package)):
        top, _, rest = name.partition(".")
        if top == PACKAGE:
            other = named(rest.partition(".")[0])
            if other and other != layer and other not in LAYERS[layer]:
                wrong.append(f"{layer} imports {name}")
        elif layer == "core" and top not in PURE:
            wrong.append(f"core imports {name}, which is not pure")
        elif top in {"tests", "functions", "locustfiles"}:
            wrong.append(f"{layer} imports {name}")
    return wrong


def modules() -> list[Path]:
    return sorted((ROOT / PACKAGE).rglob("*.py"))


def outsiders() -> list[Path]:
    found = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "locustfiles").rglob("*.py")]
    return sorted(path for path in found if "site-packages" not in path.parts)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_imports_only_what_its_layer_may(path: Path) -> None:
    if path == ROOT / PACKAGE / "__init__.py":
        assert imported(path.read_text(), PACKAGE) == set()
        return
    package = ".".join(path.relative_to(ROOT).parent.parts)
    assert violations(layer_of(path), path.read_text(), package) == []


def test_functions_and_locustfiles_never_import_the_emulator() -> None:
    guilty = [
        str(path.relative_to(ROOT))
        for path in outsiders()
        if any(name.partition(".")[0] == PACKAGE for name in imported(path.read_text(), ""))
    ]
    assert outsiders()
    assert guilty == []


def test_every_layer_has_modules() -> None:
    present = {layer_of(path) for path in modules()} - {"__init__"}
    assert present <= set(LAYERS)
    assert {"core", "sim", "live"} <= present


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("core", "import asyncio"),
        ("core", "import time"),
        ("core", "from random import Random"),
        ("core", "import os.path"),
        ("core", "import numpy"),
        ("core", "def late():\n    import logging"),
        ("core", "if TYPE_CHECKING:\n    import io"),
        ("core", "from emulator.live.engine import Engine"),
        ("core", "from emulator import live"),
        ("core", "from ..live import engine"),
        ("core", "from .. import live"),
        ("core", "import_module('emulator.live')"),
        ("core", "from emulator.errors import TestbedError"),
        ("sim", "from emulator.live.engine import Engine"),
        ("sim", "import emulator.experiments"),
        ("telemetry", "from emulator.live.engine import Engine"),
        ("live", "from emulator.api.app import app"),
        ("live", "from emulator.sim.engine import Simulation"),
        ("api", "from emulator.sim.engine import Simulation"),
        ("api", "from emulator.experiments import run"),
        ("experiments", "from emulator.live.engine import Engine"),
        ("experiments", "from emulator.api.app import app"),
        ("template", "from emulator.config import Settings"),
        ("errors", "from emulator.core.model import Sandbox"),
        ("live", "from emulator.cli import main"),
        ("cli", "from tests.reference_scheduler import Box"),
        ("utils", ""),
    ],
)
def test_import_against_the_direction_is_found(layer: str, source: str) -> None:
    assert len(violations(layer, source, f"{PACKAGE}.{layer}")) == 1


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("core", "from __future__ import annotations\nfrom collections.abc import Mapping"),
        ("core", "from emulator.core import messages"),
        ("core", "from . import messages"),
        ("sim", "import random\nfrom emulator.core.model import Sandbox"),
        ("live", "import asyncio\nfrom emulator.errors import TestbedError"),
        ("api", "from emulator.live.engine import Engine"),
        ("experiments", "import emulator.sim.engine"),
        ("cli", "import emulator.api.app, emulator.live.engine, emulator.experiments.run"),
    ],
)
def test_import_along_the_direction_is_allowed(layer: str, source: str) -> None:
    assert violations(layer, source, f"{PACKAGE}.{layer}") == []


def test_pure_modules_are_of_the_standard_library() -> None:
    assert set(sys.stdlib_module_names) >= PURE
