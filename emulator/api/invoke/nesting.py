"""Counts how deeply JSON is nested, at the cost of a few passes over its brackets."""

from __future__ import annotations

import re

_BRACKETS = b"[]{}"
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PASSES = 16
"""How often the innermost layers are taken off before levels are counted one by one."""


def is_deeper(text: bytes, most: int) -> bool:
    """Returns whether well-formed JSON has more than `most` values within each other."""
    if text.count(b"[") + text.count(b"{") <= most:
        return False
    brackets = text.translate(None, _OTHERS)
    for taken in range(_PASSES):
        # each pass takes off two layers at most, and a layer has two brackets
        if len(brackets) <= 2 * (most - 2 * taken):
            return False
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return _depth(text) > most


def _depth(text: bytes) -> int:
    depth = deepest = 0
    for bracket in _STRING.sub(b"", text).translate(None, _OTHERS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
