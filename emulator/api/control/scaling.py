"""Keeps between how many sandboxes a function of Managed Instances is to scale.

Nothing else reads that: Managed Instances are simulated (`sim.managed`) and run nowhere, so the
figures are kept for programs that set and compare them. Source: the API reference.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control.collaborators import reference
from emulator.core.function_names import Reference
from emulator.core.version_key import LATEST
from emulator.errors import InvalidParameterValueError
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.live.store.function_records import Version

_LATEST_PUBLISHED = "$LATEST.PUBLISHED"
_LEAST_ABOVE_MOST = "MinExecutionEnvironments must not be greater than MaxExecutionEnvironments."
"""Refusal in our words (trust L)."""


def scaling_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on scaling, by name."""
    return {
        "PutFunctionScalingConfig": partial(put_function_scaling_config, control),
        "GetFunctionScalingConfig": partial(get_function_scaling_config, control),
    }


async def put_function_scaling_config(control: Control, call: Call) -> dict[str, Any]:
    """Sets the least and the most; without either the service's own hold."""
    version = _version(control, call)
    wanted = call.arguments.get("FunctionScalingConfig") or {}
    least, most = (wanted.get(f"{which}ExecutionEnvironments") for which in ("Min", "Max"))
    if least is not None and most is not None and least > most:
        raise InvalidParameterValueError(_LEAST_ABOVE_MOST)
    await control.catalog.resources.change({_key(version): wanted or None})
    return {"FunctionState": version.status.state.value}


async def get_function_scaling_config(control: Control, call: Call) -> dict[str, Any]:
    """Shows what was set."""
    version = _version(control, call)
    found = control.catalog.resources.get(_key(version))
    return {
        "FunctionArn": version.arn,
        "AppliedFunctionScalingConfig": found,
        "RequestedFunctionScalingConfig": found,
    }


def _version(control: Control, call: Call) -> Version:
    """Returns a published version; `$LATEST.PUBLISHED` is the last one, or $LATEST before any."""
    asked = reference(call)
    if asked.qualifier != _LATEST_PUBLISHED:
        return control.catalog.find(asked)
    control.catalog.existing(asked.function)
    published = [
        version.version
        for version in control.catalog.versions(asked.function)
        if version.version != LATEST
    ]
    last = published[-1] if published else LATEST
    return control.catalog.find(Reference(asked.function, last))


def _key(version: Version) -> Key:
    name = version.function
    return Key(name.scope, Kind.SCALING, name.name, version.version)
