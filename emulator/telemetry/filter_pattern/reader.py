"""Turns a filter pattern into a test of messages, by the form that the pattern has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.telemetry.filter_pattern.errors import FilterPatternError
from emulator.telemetry.filter_pattern.field_lines import field_pattern
from emulator.telemetry.filter_pattern.json_events import json_pattern
from emulator.telemetry.filter_pattern.operands import regular_expression
from emulator.telemetry.filter_pattern.words import Term, terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.telemetry.filter_pattern.operands import Operand

    Test = Callable[[str], bool]


def filter_pattern(pattern: str) -> Test:
    """Returns whether a message matches, as a function of the message.

    Raises:
        FilterPatternError: CloudWatch Logs would refuse the pattern.
    """
    text = pattern.strip()
    for opening, closing, read in (("{", "}", json_pattern), ("[", "]", field_pattern)):
        if text.startswith(opening):
            if not text.endswith(closing) or len(text) == 1:
                raise FilterPatternError(f"Invalid filter pattern: '{opening}' does not end")
            return read(text[1:-1])
    return _term_pattern(terms(text))


def _term_pattern(found: list[Term]) -> Test:
    """Returns the test of an unstructured pattern; `?` counts only where no other term is."""
    wanted = [_contains(term.operand) for term in found if not term.sign]
    unwanted = [_contains(term.operand) for term in found if term.sign == "-"]
    optional = [_contains(term.operand) for term in found if term.sign == "?"]
    if optional and not wanted and not unwanted:
        return lambda message: any(test(message) for test in optional)
    if len(wanted) == 1 and not unwanted:
        return wanted[0]
    return lambda message: (
        all(test(message) for test in wanted) and not any(test(message) for test in unwanted)
    )


def _contains(operand: Operand) -> Test:
    if operand.is_regex:
        expression = regular_expression(operand.text)
        return lambda message: expression.search(message) is not None
    # AWS's way to match everything is a pair of quotes, with or without a blank between
    text = operand.text if operand.text.strip() else ""
    return lambda message: text in message
