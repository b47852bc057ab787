"""Matches names and ARNs against the patterns of policies. Pure.

`*` stands for any characters and `?` for one. Source: the IAM user guide, "IAM JSON policy
elements: Resource", "… Action", and "Variables and tags".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ARN_PARTS = 6
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULT = re.compile(r"\s*([^,\s]+)\s*(?:,\s*'([^']*)'\s*)?")
_PLAIN = {"*": "*", "?": "?", "$": "$"}
"""What stands for itself in `${*}`, `${?}` and `${$}`."""

# stand for characters that a variable's value has, and that are no wildcards there
_STAR, _MARK = "\ue000", "\ue001"
_ESCAPES = str.maketrans({"*": _STAR, "?": _MARK})
_UNESCAPES = str.maketrans({_STAR: "*", _MARK: "?"})


def substituted(pattern: str, value_of: Callable[[str], str | None]) -> str | None:
    """Returns the pattern with its variables replaced; None where one has no value.

    `value_of` has the value of a condition key. A value's own wildcards stand for themselves.
    """
    if "${" not in pattern:
        return pattern
    missing = False

    def replace(found: re.Match[str]) -> str:
        nonlocal missing
        name = found[1]
        if name in _PLAIN:
            return _PLAIN[name].translate(_ESCAPES)
        parts = _DEFAULT.fullmatch(name)
        value = value_of(parts[1]) if parts else None
        if value is None and parts is not None:
            value = parts[2]
        if value is None:
            missing = True
            return ""
        return value.translate(_ESCAPES)

    replaced = _VARIABLE.sub(replace, pattern)
    return None if missing else replaced


def literal(pattern: str) -> str:
    """Returns a pattern whose wildcards are compared as they stand."""
    return pattern.translate(_UNESCAPES)


def like(pattern: str, text: str) -> bool:
    """Returns whether a text matches; case counts."""
    return _expression(pattern).fullmatch(text) is not None


def action_matches(pattern: str, action: str) -> bool:
    """Returns whether an action (`lambda:InvokeFunction`) matches; case does not count."""
    return like(pattern.lower(), action.lower())


def arn_matches(pattern: str, arn: str) -> bool:
    """Returns whether an ARN matches, part by part; a pattern of fewer than six parts matches all.

    A wildcard matches within its part, and in the last part everything.
    """
    if pattern == "*":
        return True
    patterns, parts = pattern.split(":", _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    if len(parts) < _ARN_PARTS:
        return like(pattern, arn)
    patterns += ["*"] * (_ARN_PARTS - len(patterns))
    return all(like(each, part) for each, part in zip(patterns, parts, strict=True))


def account_of(arn: str) -> str:
    """Returns the account that an ARN names; empty for none, or for a text that is no ARN."""
    return _part(arn, 4)


def region_of(arn: str) -> str:
    """Returns the region that an ARN names; empty for none, or for a text that is no ARN."""
    return _part(arn, 3)


def _part(arn: str, number: int) -> str:
    parts = arn.split(":", _ARN_PARTS - 1)
    return parts[number] if len(parts) == _ARN_PARTS and parts[0] == "arn" else ""


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    text = text.replace(_STAR, r"\*").replace(_MARK, r"\?")
    return re.compile(text, re.DOTALL)
