"""Puts what pydantic finds wrong with a plan into sentences, each with its place in the file.

Owns the words and how a place is called (`scenario[2].seconds`, counted from 1). Does not know
which values are right: that is the models'.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from emulator.experiments.plan.model import Ablation, Axes, Network, Plan, PlannedFunction
from emulator.experiments.plan.scenarios import (
    Asynchronous,
    Constant,
    Idle,
    KeepWarm,
    Ping,
    Poisson,
    Ramp,
    Trace,
    label_of,
)
from emulator.experiments.plan.toml_lines import line_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

MISSING = "is missing"
_KINDS: Mapping[str, type[BaseModel]] = {
    "ramp": Ramp,
    "idle": Idle,
    "constant": Constant,
    "poisson": Poisson,
    "trace": Trace,
    "keep-warm": KeepWarm,
}
_TABLES: Mapping[str, type[BaseModel]] = {
    "axes": Axes,
    "network": Network,
    "without": Ablation,
}
_WITHIN: Mapping[str, type[BaseModel]] = {"ping": Ping, "asynchronous": Asynchronous}
"""Tables within a scenario."""
_SCENARIO = "scenario"
_BY_KIND = re.compile(r"scenario (\S+?)(\..*)?")
_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_SENTENCES = {
    "missing": MISSING,
    "int_type": "must be a whole number, not {value!r}",
    "float_type": "must be a number, not {value!r}",
    "finite_number": "must be a finite number, not {value!r}",
    "greater_than_equal": "must be at least {ge:g}, not {value!r}",
    "less_than_equal": "must be at most {le:g}, not {value!r}",
    "greater_than": "must be above {gt:g}, not {value!r}",
    "string_type": "must be text, not {value!r}",
    "is_instance_of": "must be text, not {value!r}",  # a path
    "string_too_short": "must be text that is not empty",
    "too_short": "must name at least one",
    "too_long": "must be one value, not several",
    "literal_error": "must be one of {expected}, not {value!r}",
    "enum": "must be one of {expected}, not {value!r}",
    "model_type": "must be a table, not {value!r}",
    "dict_type": "must be a table, not {value!r}",
    "model_attributes_type": "must be a table, not {value!r}",
    "union_tag_invalid": "must be one of {expected_tags}, not {tag!r}",
    "union_tag_not_found": MISSING,
    "value_error": "{error}",
}
_OF_THE_KIND = ("union_tag_invalid", "union_tag_not_found")


class PlanFaults:
    """Gathers what is wrong with one plan, in the order in which it is found."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._found: dict[tuple[str, str], None] = {}

    def add(self, place: str, message: str) -> None:
        """Adds a fault; a key is not missing where its table or a value of it is faulty already."""
        if message == MISSING and self.concern(place):
            return
        self._found[place, message] = None

    def add_error(self, error: ErrorDetails) -> None:
        """Adds an error of pydantic's."""
        path = path_in(self._raw, error["loc"])
        if error["type"] in _OF_THE_KIND:
            path = (*path, "kind")
        self.add(_place(path), _sentence(error))

    def concern(self, place: str) -> bool:
        """Tells whether there is a fault at the place, around it or within it."""
        return any(_is_within(other, place) for other, _ in self._found)

    def lines(self, text: str = "") -> list[str]:
        """Returns a line for each fault; with the plan's text, each with its line in there."""
        return [
            f"{place}: {message}{_told(line_of(text, self._path(place)))}"
            for place, message in self._found
        ]

    def _path(self, place: str) -> list[int | str]:
        """Returns keys and indices of a place; a scenario may be called by its label."""
        if by_kind := _BY_KIND.fullmatch(place):
            labels = [_label(scenario) for scenario in self._raw[_SCENARIO]]
            place = f"{_SCENARIO}[{labels.index(by_kind[1]) + 1}]{by_kind[2] or ''}"
        return [int(index) - 1 if index else key for key, index in _PART.findall(place)]

    def __bool__(self) -> bool:
        return bool(self._found)


def _label(scenario: Any) -> str:
    """Returns what a scenario is called; nothing where it has no kind."""
    if not isinstance(scenario, dict):
        return ""
    asynchronous = scenario.get("asynchronous", False) is not False
    return label_of(str(scenario.get("kind", "")), asynchronous=asynchronous)


def _told(line: int | None) -> str:
    return f" (line {line})" if line else ""


def _is_within(one: str, other: str) -> bool:
    """Tells whether one of two places lies within the other, or is the other."""
    inner, outer = (one, other) if len(one) > len(other) else (other, one)
    return inner == outer or inner.startswith((f"{outer}[", f"{outer}."))


def path_in(raw: Any, location: Sequence[int | str]) -> tuple[int | str, ...]:
    """Returns pydantic's location as keys and indices of the plan's own tables and lists.

    Pydantic also names the kind of a scenario, and the index of a value that stands alone.
    """
    path: list[int | str] = []
    for place, part in enumerate(location):
        if place == 2 and location[0] == _SCENARIO:  # noqa: PLR2004  # scenario, number, kind
            continue
        if isinstance(part, int) and not isinstance(raw, list):
            break
        path.append(part)
        if isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
        else:
            raw = raw.get(part) if isinstance(raw, dict) else None
    return tuple(path)


def _place(path: Sequence[int | str]) -> str:
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _sentence(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return _unknown(error["loc"])
    form = _SENTENCES.get(error["type"], error["msg"].replace("{", "{{").replace("}", "}}"))
    return form.format(value=error["input"], **error.get("ctx", {}))


def _unknown(location: Sequence[int | str]) -> str:
    """Says that a key is not known, and which one may have been meant."""
    of_scenario = location[0] == _SCENARIO
    where = f" in a {location[2]} scenario" if of_scenario else ""
    near = difflib.get_close_matches(str(location[-1]), _keys(location), 1, 0.7)
    return f"is not known{where}" + (f"; did you mean {near[0]!r}?" if near else "")


def _keys(location: Sequence[int | str]) -> list[str]:
    """Returns the keys of the table that the location's last key stands in."""
    model: type[BaseModel] = Plan
    if location[0] == _SCENARIO:
        inner = [table for key, table in _WITHIN.items() if key in location[:-1]]
        model = inner[0] if inner else _KINDS[str(location[2])]
    elif len(location) > 1:
        model = _TABLES.get(str(location[0]), PlannedFunction)
    return [field.alias or name for name, field in model.model_fields.items()]
