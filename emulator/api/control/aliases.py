"""Names versions of functions, and shares requests between two of them.

Source: the API reference and botocore's service model; which version serves a request is decided
by `core.alias_routing`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control import view
from emulator.api.control.checks import check_revision
from emulator.api.control.collaborators import function_name
from emulator.api.control.pages import page
from emulator.core.alias_routing import weight_faults
from emulator.core.function_names import Reference
from emulator.core.version_key import LATEST
from emulator.errors import (
    ConstraintError,
    InvalidParameterValueError,
    ResourceConflictError,
    ResourceNotFoundError,
)
from emulator.live.store.catalog import not_found
from emulator.live.store.function_records import Alias, new_revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.core.function_names import FunctionName


def alias_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on aliases, by name."""
    return {
        "CreateAlias": partial(create_alias, control),
        "GetAlias": partial(get_alias, control),
        "ListAliases": partial(list_aliases, control),
        "UpdateAlias": partial(update_alias, control),
        "DeleteAlias": partial(delete_alias, control),
    }


async def create_alias(control: Control, call: Call) -> dict[str, Any]:
    """Gives a version a name."""
    function, arguments = function_name(call), call.arguments
    control.catalog.existing(function)
    alias = Alias(
        function,
        arguments["Name"],
        arguments["FunctionVersion"],
        _weights(arguments) or {},
        arguments.get("Description") or "",
        new_revision(),
    )
    if control.catalog.alias(function, alias.name) is not None:
        raise ResourceConflictError(f"Alias already exists: {alias.arn}")
    _check(control, alias)
    await control.catalog.save(alias)
    return view.alias(alias)


async def get_alias(control: Control, call: Call) -> dict[str, Any]:
    """Shows an alias."""
    return view.alias(_existing(control, function_name(call), call.arguments["Name"]))


async def list_aliases(control: Control, call: Call) -> dict[str, Any]:
    """Lists a function's aliases, or those of one version, by name."""
    function, version = function_name(call), call.arguments.get("FunctionVersion")
    control.catalog.existing(function)
    aliases = [
        alias
        for alias in control.catalog.aliases(function)
        if version is None or version in (alias.version, *alias.weights)
    ]
    return page(call, aliases, lambda alias: alias.name, view.alias, "Aliases")


async def update_alias(control: Control, call: Call) -> dict[str, Any]:
    """Leads an alias elsewhere; what the call does not name stays."""
    arguments = call.arguments
    before = _existing(control, function_name(call), arguments["Name"])
    check_revision(before.revision, arguments.get("RevisionId"))
    weights, description = _weights(arguments), arguments.get("Description")
    after = replace(
        before,
        version=arguments.get("FunctionVersion") or before.version,
        weights=before.weights if weights is None else weights,
        description=before.description if description is None else description,
        revision=new_revision(),
    )
    _check(control, after)
    await control.catalog.save(after)
    return view.alias(after)


async def delete_alias(control: Control, call: Call) -> dict[str, Any]:
    """Takes an alias away with all that is set for it; nothing happens where there is none."""
    function, name = function_name(call), call.arguments["Name"]
    control.catalog.existing(function)
    await control.catalog.delete_qualifier(function, name)
    return {}


def _existing(control: Control, function: FunctionName, name: str) -> Alias:
    found = control.catalog.alias(function, name)
    if found is None:
        raise ResourceNotFoundError(f"Cannot find alias arn: {function.arn(name)}")
    return found


def _weights(arguments: Mapping[str, Any]) -> dict[str, float] | None:
    """Returns the weights that a call sets; None where it leaves them as they are."""
    routing = arguments.get("RoutingConfig")
    return None if routing is None else dict(routing.get("AdditionalVersionWeights") or {})


def _check(control: Control, alias: Alias) -> None:
    """Refuses an alias that leads nowhere, or whose shares cannot be."""
    if alias.weights and alias.version == LATEST:
        raise InvalidParameterValueError(
            "$LATEST is not supported for an alias pointing to more than 1 version"
        )
    for sentence in weight_faults(alias.weights, alias.version):
        if sentence[:1].isdigit():
            raise ConstraintError(sentence)
        raise InvalidParameterValueError(sentence)
    for version in (alias.version, *alias.weights):
        if version == LATEST and alias.weights:
            raise InvalidParameterValueError("$LATEST is not supported in routing configurations")
        if control.catalog.version(alias.function, version) is None:
            raise not_found(Reference(alias.function, version))
