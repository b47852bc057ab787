r"""Matches texts against the model's regular expressions, which are Java's. Pure.

Java's classes are of ASCII alone unless they are named by `\p`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 1.0
"""Seconds after which a text counts as one that matches: no pattern of AWS's needs a
thousandth of them, and the emulator must not hang on one that does."""


def matches(pattern: str, value: str) -> bool:
    """Returns whether the whole text matches; a pattern that cannot be read takes every text."""
    return _matcher(pattern)(value)


@cache
def _matcher(pattern: str) -> Callable[[str], bool]:
    flags = regex.V0 if r"\p" in pattern else regex.V0 | regex.ASCII
    try:
        compiled = regex.compile(pattern, flags)
    except regex.error:
        return lambda _: True

    def whole(value: str) -> bool:
        try:
            return compiled.fullmatch(value, timeout=_LONGEST) is not None
        except TimeoutError:
            return True

    return whole
