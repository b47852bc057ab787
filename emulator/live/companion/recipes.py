"""Defines how resources of one of CloudFormation's types are made in the emulator: a recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.live.companion.lambda_client import OwnApi

_MISSING = "ResourceNotFoundException"


@dataclass(slots=True)
class Made:
    """Holds a resource that was made."""

    id: str
    """What `!Ref` gives."""
    attributes: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    """Members that name the resource in Lambda's API."""
    facts: dict[str, str] = field(default_factory=dict)
    """What a later change wants to know."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Says how resources of one type are made, changed and deleted."""

    kind: str
    make: Callable[[OwnApi, str, dict[str, Any]], Made]
    change: Callable[[OwnApi, Made, dict[str, Any]], Made]
    remove: Callable[[OwnApi, Made], None]
    named_by: str = ""
    """The property that states the name; empty: there is none."""
    attributes: tuple[str, ...] = ()


def keep(_api: OwnApi, made: Made, _properties: dict[str, Any]) -> Made:
    """Changes nothing of a resource."""
    return made


def leave(_api: OwnApi, _made: Made) -> None:
    """Leaves a resource where it is: CloudFormation retains versions of SAM's too."""


def removal(operation: str) -> Callable[[OwnApi, Made], None]:
    """Returns what deletes a resource; what is gone already is left at that."""

    def remove(api: OwnApi, made: Made) -> None:
        try:
            api.call(operation, made.members)
        except ClientError as error:
            if error.response["Error"]["Code"] != _MISSING:
                raise

    return remove
