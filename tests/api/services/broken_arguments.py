"""Arguments in which one constraint of the service model is broken, and what AWS says of each.

The sentences are put together here anew, naively and from the model alone, so that they can be
held against those of the emulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.api.services.patterns import matches
from tests.api.services.model_values import least

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.api.services.limits import Limits
    from emulator.api.services.service_model import Shape

NUMBERS = ("integer", "long", "double", "float")
SIMPLE = (*NUMBERS, "string", "boolean", "timestamp", "blob")
_LONGEST_TEXT = 20_000
_LONGEST_LIST = 200
_DEEPEST = 5


@dataclass(frozen=True)
class Broken:
    what: str
    """Member and constraint, for the eye."""
    arguments: dict[str, Any]
    sentence: str


def broken_arguments(shape: Shape, limits: Limits) -> Iterator[Broken]:
    """Yields arguments of an operation in which one constraint is broken."""
    base = least(shape, limits)
    if None in base.values():
        return  # what breaks one constraint would break two
    for name in shape.required_members:
        if shape.members[name].serialization.get("location") == "uri":
            continue  # another path
        rest = {key: value for key, value in base.items() if key != name}
        yield Broken(f"{name} is missing", rest, _missing(_first_small(name)))
    for name, member in shape.members.items():
        is_in_path = member.serialization.get("location") == "uri"
        for what, value, faults in _values(member, limits, _first_small(name), 0):
            if is_in_path and value == "":
                continue
            yield Broken(f"{name} {what}", base | {name: value}, _sentence(faults))


def _values(
    shape: Shape, limits: Limits, place: str, depth: int
) -> Iterator[tuple[str, Any, list[str]]]:
    """Yields values that break one constraint at or below a place, with all faults that follow."""
    if depth > _DEEPEST:
        return
    for what, value in _misfits(shape, limits):
        yield (
            what,
            value,
            [_fault(shape, value, place, rule) for rule in rules(shape, value, limits)],
        )
    match shape.type_name:
        case "structure":
            yield from _in_structure(shape, limits, place, depth)
        case "list" if shape.member.type_name in SIMPLE:
            for what, value in _misfits(shape.member, limits):
                told = _of_all(shape.member, limits)
                fault = _fault(shape, [value], place, f"Member must satisfy constraint: [{told}]")
                yield f"[] {what}", [value], [fault]
        case "list":
            for what, value, faults in _values(
                shape.member, limits, f"{place}.1.member", depth + 1
            ):
                yield f"[] {what}", [value], faults
        case "map" if (valid := least(shape.value, limits)) is not None and not limits.of(
            shape
        ).least:
            for what, key in _misfits(shape.key, limits):
                told = _of_all(shape.key, limits)
                value = {key: valid}
                fault = _fault(shape, value, place, f"Map keys must satisfy constraint: [{told}]")
                yield f"key {what}", value, [fault]


def _in_structure(
    shape: Shape, limits: Limits, place: str, depth: int
) -> Iterator[tuple[str, Any, list[str]]]:
    base = least(shape, limits)
    if None in base.values():
        return  # what breaks one constraint would break two
    for name in shape.required_members:
        rest = {key: value for key, value in base.items() if key != name}
        yield f".{name} is missing", rest, [_null(f"{place}.{_first_small(name)}")]
    for name, member in shape.members.items():
        for what, value, faults in _values(
            member, limits, f"{place}.{_first_small(name)}", depth + 1
        ):
            yield f".{name} {what}", base | {name: value}, faults


def _misfits(shape: Shape, limits: Limits) -> Iterator[tuple[str, Any]]:
    """Yields values that break a constraint of the shape's own."""
    low, high, enum = limits.of(shape)
    kind = shape.type_name
    if shape.name == "Runtime":
        return  # in words of its own: tests/api/control
    if kind in NUMBERS:
        if high is not None:
            yield "is too large", (int if kind in ("integer", "long") else float)(high + 1)
        if low is not None and low > 0:
            yield "is too small", (int if kind in ("integer", "long") else float)(low - 1)
    elif kind == "string":
        yield from _misfit_texts(shape, low, high, enum)
    elif kind == "list":
        one = least(shape.member, limits)
        if high is not None and high < _LONGEST_LIST and one is not None:
            yield "is too long", [one] * (int(high) + 1)
        if low:
            yield "is too short", [one] * (int(low) - 1)


def _misfit_texts(
    shape: Shape, low: float | None, high: float | None, enum: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    if high is not None and high < _LONGEST_TEXT:
        yield "is too long", "a" * (int(high) + 1)
    if low:
        yield "is too short", "a" * (int(low) - 1)
    pattern = shape.metadata.get("pattern")
    odd = "!" * max(int(low or 1), 1)
    if enum or (pattern is not None and not matches(pattern, odd)):
        yield "is none such", odd


def rules(shape: Shape, value: Any, limits: Limits) -> list[str]:
    """Returns the rules that a value breaks, as sentences begin with `Member must`."""
    low, high, enum = limits.of(shape)
    found = []
    what, size = ("value", value) if shape.type_name in NUMBERS else ("length", len(value))
    if high is not None and size > high:
        found.append(
            f"have {what} less than or equal to {high:g}"
            if high < 1e6
            else f"have {what} less than or equal to {int(high)}"
        )
    if low is not None and size < low:
        found.append(f"have {what} greater than or equal to {_java_number(low)}")
    if isinstance(value, str):
        if enum and value not in enum:
            found.append(f"satisfy enum value set: [{', '.join(enum)}]")
        pattern = shape.metadata.get("pattern")
        if pattern is not None and not matches(pattern, value):
            found.append(f"satisfy regular expression pattern: {pattern}")
    return [f"Member must {rule}" for rule in found]


def _of_all(shape: Shape, limits: Limits) -> str:
    low, high, enum = limits.of(shape)
    what = "value" if shape.type_name in NUMBERS else "length"
    found = []
    if high is not None:
        found.append(f"have {what} less than or equal to {_java_number(high)}")
    if low is not None:
        found.append(f"have {what} greater than or equal to {_java_number(low)}")
    if enum:
        found.append(f"satisfy enum value set: [{', '.join(enum)}]")
    if shape.metadata.get("pattern"):
        found.append(f"satisfy regular expression pattern: {shape.metadata['pattern']}")
    if not shape.metadata.get("sensitive"):
        found.append("not be null")
    return ", ".join(f"Member must {rule}" for rule in found)


def _fault(shape: Shape, value: Any, place: str, rule: str) -> str:
    shown = "" if shape.metadata.get("sensitive") else f" '{_java(value)}'"
    return f"Value{shown} at '{place}' failed to satisfy constraint: {rule}"


def _java(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_java(element) for element in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_java(part)}" for key, part in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _java_number(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _null(place: str) -> str:
    return f"Value null at '{place}' failed to satisfy constraint: Member must not be null"


def _missing(place: str) -> str:
    return _sentence([_null(place)])


def _sentence(faults: list[str]) -> str:
    count = "1 validation error" if len(faults) == 1 else f"{len(faults)} validation errors"
    return f"{count} detected: " + "; ".join(faults)


def _first_small(name: str) -> str:
    return name[0].lower() + name[1:]
