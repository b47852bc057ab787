"""Reads the .dockerignore file of a build's context.

Source: "Build context", Docker's manual.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_WILD = re.compile(r"\*\*/|\*\*|\*|\?|\[[^]]*\]")
_MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def ignored(context: Path) -> Callable[[str], bool]:
    """Returns a function that tells of a path in `context` whether builds do not see it."""
    path = context / ".dockerignore"
    lines = path.read_text().splitlines() if path.is_file() else []
    rules = [
        (_pattern(line.lstrip("!")), not line.startswith("!"))
        for line in map(str.strip, lines)
        if line and not line.startswith("#")
    ]

    def decide(name: str) -> bool:
        verdicts = [hidden for pattern, hidden in rules if pattern.fullmatch(name)]
        return bool(verdicts) and verdicts[-1]  # the last rule that fits decides

    return decide


def _pattern(rule: str) -> re.Pattern[str]:
    text = posixpath.normpath(rule.strip().strip("/"))
    found, last = [], 0
    for wild in _WILD.finditer(text):
        found += [re.escape(text[last : wild.start()]), _MEANING.get(wild[0], wild[0])]
        last = wild.end()
    return re.compile("".join([*found, re.escape(text[last:])]) + "(?:/.*)?")
