"""Docstrings say what a name does: each begins with a verb in the third person."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_Documented = ast.Module | _Definition
_COMMANDS = ROOT / "emulator" / "cli"  # their docstrings are help texts, in the imperative
_NO_VERBS = {"Is", "This", "Its"}


def test_docstrings_begin_with_a_verb() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: {_first_line(node)}"
        for file in sorted((ROOT / "emulator").rglob("*.py"))
        for node in _documented(ast.parse(file.read_text(encoding="utf-8")))
        if not _begins_with_a_verb(node) and not _is_command(file, node)
    ]
    assert wrong == []


def _documented(node: _Documented) -> Iterator[_Documented]:
    """Yields a module, and its public classes, methods and functions, that have a docstring."""
    if ast.get_docstring(node) is not None:
        yield node
    for child in node.body:
        if isinstance(child, _Definition) and _is_public(child.name) and not _is_attribute(child):
            yield from _documented(child)


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name.startswith("__")


def _is_attribute(node: _Definition) -> bool:
    """Returns whether a method is read like an attribute, which a noun describes as well."""
    return any("property" in ast.unparse(each) for each in node.decorator_list)


def _begins_with_a_verb(node: _Documented) -> bool:
    word = _first_line(node).split(maxsplit=1)[0].strip(",:")
    return bool(re.fullmatch(r"[A-Z][a-z-]*s", word)) and word not in _NO_VERBS


def _is_command(file: Path, node: _Documented) -> bool:
    return file.is_relative_to(_COMMANDS) and not isinstance(node, ast.Module)


def _first_line(node: _Documented) -> str:
    return (ast.get_docstring(node) or "").split("\n", maxsplit=1)[0]
