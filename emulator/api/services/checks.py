"""Checks arguments against the constraints of the service model, in AWS's sentences. Pure.

The constraints are botocore's, but for those that `limits` replaces. Sources of the sentences are
recordings of AWS's answers in public issues: of a list (appleboy/lambda-action, issue 83), of a
map's keys and of a value that is not shown since the model calls it sensitive
(trek10inc/serverless-secrets, issue 39), of a structure in a list (SWO-GS/auto-tag, issue 90), of
an acronym (`kMSKeyArn`: highsource/bitcoin-a-day, issue 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.api.services.patterns import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from emulator.api.services.limits import Bounds, Limits
    from emulator.api.services.service_model import Shape

_NUMBERS = frozenset({"integer", "long", "double", "float"})
_NOT_NULL = "not be null"
_FAILED = "failed to satisfy constraint"


def refusal(shape: Shape | None, arguments: Mapping[str, Any], limits: Limits) -> str:
    """Returns the sentence that refuses the arguments; empty where they are valid."""
    if shape is None:
        return ""
    faults = list(_Checks(limits).structure(shape, arguments, ""))
    if not faults:
        return ""
    counted = "1 validation error" if len(faults) == 1 else f"{len(faults)} validation errors"
    return f"{counted} detected: {'; '.join(faults)}"


class _Checks:
    """Walks through arguments; every method yields the faults that it finds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def structure(self, shape: Shape, members: Mapping[str, Any], path: str) -> Iterator[str]:
        required = shape.required_members
        for name, member in shape.members.items():
            place = f"{path}{name[:1].lower()}{name[1:]}"
            value = members.get(name)
            if value is not None:
                yield from self._value(member, value, place)
            elif name in required:
                yield f"Value null at '{place}' {_FAILED}: Member must not be null"

    def _value(self, shape: Shape, value: Any, place: str) -> Iterator[str]:
        for rule in _broken(shape, value, self._limits.of_member(shape)):
            yield _fault(shape, value, place, f"Member must {rule}")
        match shape.type_name:
            case "structure" if isinstance(value, dict):
                yield from self.structure(shape, value, f"{place}.")
            case "list":
                yield from self._list(shape, value, place)
            case "map":
                yield from self._map(shape, value, place)

    def _list(self, shape: Shape, value: list[Any], place: str) -> Iterator[str]:
        """Yields faults of elements; those of simple elements are told of the list as a whole."""
        if _is_simple(shape.member):
            if rules := self._rules(shape.member, value):
                yield _fault(shape, value, place, f"Member must satisfy constraint: [{rules}]")
            return
        for number, element in enumerate(value, 1):
            yield from self._value(shape.member, element, f"{place}.{number}.member")

    def _map(self, shape: Shape, value: dict[str, Any], place: str) -> Iterator[str]:
        if rules := self._rules(shape.key, value):
            yield _fault(shape, value, place, f"Map keys must satisfy constraint: [{rules}]")
        if _is_simple(shape.value):
            if rules := self._rules(shape.value, value.values()):
                yield _fault(shape, value, place, f"Map value must satisfy constraint: [{rules}]")
            return
        for key, element in value.items():
            yield from self._value(shape.value, element, f"{place}.{key}.member")

    def _rules(self, shape: Shape, values: Iterable[Any]) -> str:
        """Returns every rule of a shape where any of the values breaks one."""
        bounds = self._limits.of(shape)
        if not any(True for value in values for _ in _broken(shape, value, bounds)):
            return ""
        rules = list(_all_rules(shape, bounds))
        if not shape.metadata.get("sensitive"):
            rules.append(_NOT_NULL)
        return ", ".join(f"Member must {rule}" for rule in rules)


def _is_simple(shape: Shape) -> bool:
    return shape.type_name not in ("structure", "list", "map")


def _fault(shape: Shape, value: Any, place: str, rule: str) -> str:
    shown = "" if shape.metadata.get("sensitive") else f" '{_shown(value)}'"
    return f"Value{shown} at '{place}' {_FAILED}: {rule}"


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


# rules


def _broken(shape: Shape, value: Any, bounds: Bounds) -> Iterator[str]:
    """Yields the shape's own rules that a value breaks."""
    least, most, enum = bounds
    measured = _measured(shape, value)
    if measured is not None:
        if most is not None and measured > most:
            yield f"have {_what(shape)} less than or equal to {_bound(most)}"
        if least is not None and measured < least:
            yield f"have {_what(shape)} greater than or equal to {_bound(least)}"
    if isinstance(value, str):
        if enum and value not in enum:
            yield _enum_rule(enum)
        pattern = shape.metadata.get("pattern")
        if pattern is not None and not matches(pattern, value):
            yield _pattern_rule(pattern)


def _all_rules(shape: Shape, bounds: Bounds) -> Iterator[str]:
    """Yields every rule of a shape, in the order of AWS's sentences."""
    least, most, enum = bounds
    if most is not None:
        yield f"have {_what(shape)} less than or equal to {_bound(most)}"
    if least is not None:
        yield f"have {_what(shape)} greater than or equal to {_bound(least)}"
    if enum:
        yield _enum_rule(enum)
    if pattern := shape.metadata.get("pattern"):
        yield _pattern_rule(pattern)


def _measured(shape: Shape, value: Any) -> float | None:
    if shape.type_name in _NUMBERS:
        return float(value)
    return len(value) if isinstance(value, str | bytes | list | dict) else None


def _what(shape: Shape) -> str:
    return "value" if shape.type_name in _NUMBERS else "length"


def _enum_rule(enum: tuple[str, ...]) -> str:
    return f"satisfy enum value set: [{', '.join(enum)}]"


def _pattern_rule(pattern: str) -> str:
    return f"satisfy regular expression pattern: {pattern}"


def _bound(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
