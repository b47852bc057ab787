"""Tells which code measures: a digest of the sources that take part in a measurement.

What only reads finished runs (analysis, report) is left out, so that a page can be mended between
two sittings of a study without making their cells different.
"""

from __future__ import annotations

import os
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.experiments.records.sitting import CodeVersion
from emulator.project import project_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PACKAGE = Path(__file__).resolve().parents[2]
_MEASURING = (
    *("api", "core", "host", "live", "sam", "telemetry", "up", "config.py", "policy_choice.py"),
    "experiments/runner",
)
"""Parts of the package that run while a cell is measured."""
_LOAD = Path("locustfiles")
_LEFT_OUT = frozenset({"__pycache__", "node_modules", "target", "build"})
"""Folders that are made of others."""
_DIGITS = 12
_WITHIN = 10.0


def code_version(functions: Iterable[Path]) -> CodeVersion:
    """Returns the version of the package, of its load, and of some functions' sources.

    Args:
        functions: folders of code; those that are missing are passed over.
    """
    known = sha256()
    roots = [_PACKAGE / part for part in _MEASURING]
    for root in [*roots, project_path(_LOAD), *sorted(set(functions))]:
        for file in _files(root):
            known.update(os.path.relpath(file, root.parent).encode())
            known.update(sha256(file.read_bytes()).digest())
    return CodeVersion(known.hexdigest()[:_DIGITS], _commit(_PACKAGE.parent))


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not _is_made(name))
        yield from (
            Path(folder, name)
            for name in sorted(files)
            if not name.startswith(".") and not name.endswith((".pyc", ".so"))
        )


def _is_made(folder: str) -> bool:
    return folder.startswith(".") or folder in _LEFT_OUT


def _commit(checkout: Path) -> str:
    if not (checkout / ".git").exists():
        return ""
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return told.stdout.strip()
