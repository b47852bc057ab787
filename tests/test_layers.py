"""Who may import whom: import-linter's contracts, and two rules that it cannot state."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
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
        "msgspec",  # fast value objects, and no more
        "operator",
        "re",
        "statistics",
        "string",
        "types",
        "typing",
    }
)
"""What core may import from outside: nothing that knows time, chance or the world."""
FINDS_PROFILES = frozenset({"importlib", "pkgutil"})
"""What finds the modules of profiles, so that a further one is one more file."""


def imported(source: str) -> set[str]:
    """Returns the top names of all modules that a source imports, wherever in its text."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("emulator" if node.level else (node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
            if getattr(name, "id", name) in {"import_module", "__import__"}:
                names.add(str(node.args[0].value).partition(".")[0])
    return names


def test_contracts_of_import_linter_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "emulator" / "core").rglob("*.py")), ids=str)
def test_core_imports_nothing_that_knows_time_chance_or_the_world(path: Path) -> None:
    known = PURE | FINDS_PROFILES if path.parent.name == "profiles" else PURE
    assert imported(path.read_text()) <= known | {"emulator"}


@pytest.mark.parametrize("folder", ["functions", "locustfiles"])
def test_functions_and_locustfiles_never_import_the_emulator(folder: str) -> None:
    paths = [path for path in (ROOT / folder).rglob("*.py") if "site-packages" not in path.parts]
    assert paths
    assert [path for path in paths if "emulator" in imported(path.read_text())] == []


@pytest.mark.parametrize("folder", ["tests", "functions", "locustfiles"])
def test_emulator_imports_nothing_of_the_folders_beside_it(folder: str) -> None:
    paths = sorted((ROOT / "emulator").rglob("*.py"))
    assert [path for path in paths if folder in imported(path.read_text())] == []


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio",
        "import os.path",
        "def late():\n    import logging",
        "if TYPE_CHECKING:\n    import io",
        "import_module('time')",
        "importlib.import_module('random')",
    ],
)
def test_import_that_the_core_may_not_have_is_found(source: str) -> None:
    assert not imported(source) <= PURE
