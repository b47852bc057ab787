"""Checks arguments against the constraints of the service model, in AWS's sentences. Pure.

Sources: the sentences are those of AWS's answers, as recorded in many public issues (`1 validation
error detected: Value '…' at 'memorySize' failed to satisfy constraint: Member must have value less
than or equal to 3008`); the constraints are botocore's, but for those that `limits` replaces.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.api.services.limits import Limits
    from emulator.api.services.service_model import Shape


def refusal(shape: Shape | None, arguments: Mapping[str, Any], limits: Limits) -> str:
    """Returns the sentence that refuses the arguments; empty where they are valid."""
    if shape is None:
        return ""
    faults = list(_structure_faults(shape, arguments, "", limits))
    if not faults:
        return ""
    counted = "1 validation error" if len(faults) == 1 else f"{len(faults)} validation errors"
    return f"{counted} detected: {'; '.join(faults)}"


def _structure_faults(
    shape: Shape, members: Mapping[str, Any], path: str, limits: Limits
) -> Iterator[str]:
    for name, member in shape.members.items():
        place = f"{path}{name[:1].lower()}{name[1:]}"
        value = members.get(name)
        if value is not None:
            yield from _faults(member, value, place, limits)
        elif name in shape.required_members:
            yield _fault(None, place, "not be null")


def _faults(shape: Shape, value: Any, place: str, limits: Limits) -> Iterator[str]:
    for rule in _broken(shape, value, limits):
        yield _fault(value, place, rule)
    match shape.type_name:
        case "structure":
            yield from _structure_faults(shape, value, f"{place}.", limits)
        case "list":
            yield from _list_faults(shape, value, place, limits)
        case "map":
            yield from _map_faults(shape, value, place, limits)


def _list_faults(shape: Shape, value: list[Any], place: str, limits: Limits) -> Iterator[str]:
    """Yields the faults of elements: those of simple ones as a rule of the whole list."""
    if shape.member.type_name in ("structure", "list", "map"):
        for number, element in enumerate(value, 1):
            yield from _faults(shape.member, element, f"{place}.{number}.member", limits)
        return
    rules = _rules_broken_by_any(shape.member, value, limits)
    if rules:
        yield _fault(value, place, f"satisfy constraint: [{', '.join(rules)}]")


def _map_faults(shape: Shape, value: dict[str, Any], place: str, limits: Limits) -> Iterator[str]:
    if rules := _rules_broken_by_any(shape.key, list(value), limits):
        yield _fault(value, place, f"satisfy constraint: [{', '.join(rules)}]", "Map keys must")
    if shape.value.type_name in ("structure", "list", "map"):
        for key, element in value.items():
            yield from _faults(shape.value, element, f"{place}.{key}.member", limits)
    elif rules := _rules_broken_by_any(shape.value, list(value.values()), limits):
        yield _fault(value, place, f"satisfy constraint: [{', '.join(rules)}]", "Map value must")


def _rules_broken_by_any(shape: Shape, values: list[Any], limits: Limits) -> list[str]:
    if all(not any(_broken(shape, value, limits)) for value in values):
        return []
    return [f"Member must {rule}" for rule in _all_rules(shape, limits)]


def _fault(value: Any, place: str, rule: str, subject: str = "Member must") -> str:
    shown = "null" if value is None else f"'{_shown(value)}'"
    return f"Value {shown} at '{place}' failed to satisfy constraint: {subject} {rule}"


def _shown(value: Any) -> str:
    """Returns a value as Java writes it."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_shown, value))}]"
        case dict():
            return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in value.items()) + "}"
        case bytes():
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
        case _:
            return str(value)


# constraints


def _broken(shape: Shape, value: Any, limits: Limits) -> Iterator[str]:
    """Yields the shape's own rules that a value breaks."""
    least, most, enum = limits.of(shape)
    if shape.type_name in ("integer", "long", "double", "float"):
        measured, what = value, "value"
    elif isinstance(value, str | bytes | list | dict):
        measured, what = len(value), "length"
    else:
        return
    if shape.type_name != "structure":
        if most is not None and measured > most:
            yield f"have {what} less than or equal to {_bound(most)}"
        if least is not None and measured < least:
            yield f"have {what} greater than or equal to {_bound(least)}"
    if isinstance(value, str):
        yield from _broken_by_text(shape, value, enum)


def _broken_by_text(shape: Shape, value: str, enum: tuple[str, ...]) -> Iterator[str]:
    if enum and value not in enum:
        yield _enum_rule(enum)
    pattern = shape.metadata.get("pattern")
    if pattern is not None and not _matches(pattern, value):
        yield _pattern_rule(pattern)


def _all_rules(shape: Shape, limits: Limits) -> Iterator[str]:
    """Yields every rule of a shape, as a list says them where an element breaks any."""
    least, most, enum = limits.of(shape)
    what = "value" if shape.type_name in ("integer", "long", "double", "float") else "length"
    if most is not None:
        yield f"have {what} less than or equal to {_bound(most)}"
    if least is not None:
        yield f"have {what} greater than or equal to {_bound(least)}"
    if enum:
        yield _enum_rule(enum)
    if pattern := shape.metadata.get("pattern"):
        yield _pattern_rule(pattern)


def _enum_rule(enum: tuple[str, ...]) -> str:
    return f"satisfy enum value set: [{', '.join(enum)}]"


def _pattern_rule(pattern: str) -> str:
    return f"satisfy regular expression pattern: {pattern}"


def _bound(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:  # Java's classes, such as \p{L}, which Python has not
        return None


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None
