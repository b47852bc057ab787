"""Keeps whether a function may invoke itself in a circle. Source: the API reference.

The asynchronous invoker and the event sources, which find such circles, read the documents.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control.collaborators import function_name
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation

_DEFAULT = {"RecursiveLoop": "Terminate"}


def recursion_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on recursion, by name."""
    return {
        "PutFunctionRecursionConfig": partial(put_function_recursion_config, control),
        "GetFunctionRecursionConfig": partial(get_function_recursion_config, control),
    }


async def put_function_recursion_config(control: Control, call: Call) -> dict[str, Any]:
    """Allows a function to go round, or has it stopped."""
    document = {"RecursiveLoop": call.arguments["RecursiveLoop"]}
    await control.catalog.resources.change({_key(control, call): document})
    return document


async def get_function_recursion_config(control: Control, call: Call) -> dict[str, Any]:
    """Shows whether a function is stopped that goes round."""
    return dict(control.catalog.resources.get(_key(control, call)) or _DEFAULT)


def _key(control: Control, call: Call) -> Key:
    name = control.catalog.existing(function_name(call)).name
    return Key(name.scope, Kind.RECURSION, name.name)
