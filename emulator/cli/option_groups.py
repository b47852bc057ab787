"""Lets a command take options in groups: a dataclass for each theme, whose fields are the options.

The command line is the same as if each option were a parameter of the command's own.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def with_groups(command: Callable[..., int]) -> Callable[..., int]:
    """Gives a command the options of its groups, in the places of the groups.

    A group is a parameter whose type is a dataclass. The fields of the dataclass are annotated and
    have defaults, as options of a command do.
    """
    own = signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {
        name: each.annotation for name, each in own.items() if is_dataclass(each.annotation)
    }

    @wraps(command)
    def ungrouped(**words: Any) -> int:
        for name, group in groups.items():
            words[name] = group(**{each.name: words.pop(each.name) for each in fields(group)})
        return command(**words)

    flat = [option for each in own.values() for option in _options_of(each)]
    ungrouped.__signature__ = Signature(flat)  # type: ignore[attr-defined]
    return ungrouped


def _options_of(parameter: Parameter) -> Iterator[Parameter]:
    """Yields the options of a group, or the parameter itself where it is none."""
    group = parameter.annotation
    if not is_dataclass(group):
        yield parameter
        return
    annotations = get_type_hints(group, include_extras=True)
    for each in fields(group):
        annotation = annotations[each.name]
        yield Parameter(
            each.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=annotation
        )


def given(*groups: Any) -> list[str]:
    """Returns the options of groups whose values are others than when nothing is said."""
    return [
        f"--{field.name.replace('_', '-')}"
        for group in groups
        for field in fields(group)
        if getattr(group, field.name) != field.default
    ]
