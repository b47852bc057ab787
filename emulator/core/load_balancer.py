"""Defines functions that are targets of an Application Load Balancer.

Knows nothing of HTTP. A target group has one function; `multi_value` is the group's attribute
`lambda.multi_value_headers.enabled`, which is off unless somebody turns it on.

Source: user guide for Application Load Balancers, "Use Lambda functions as targets".
"""

from __future__ import annotations

from dataclasses import dataclass

MULTI_VALUE = "multi-value"
"""Word after a function's name that turns headers and parameters of several values on."""


@dataclass(frozen=True, slots=True)
class Target:
    """Holds one target group's function."""

    function: str
    multi_value: bool = False
    """Whether events and answers have lists of values in the place of single ones."""


def target_of(text: str) -> Target:
    """Reads `FUNCTION` or `FUNCTION:multi-value`.

    Raises:
        ValueError: the text is neither.
    """
    function, colon, word = text.partition(":")
    if not function or (colon and word != MULTI_VALUE):
        raise ValueError(f"{text!r} is neither FUNCTION nor FUNCTION:{MULTI_VALUE}")
    return Target(function, bool(colon))
