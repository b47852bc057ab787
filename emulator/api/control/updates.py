"""Changes the code and the configuration of functions.

The answer has the new settings, and LastUpdateStatus InProgress; the function serves as before
until the new package is made. Source: the API reference and the developer guide, "Lambda function
states".
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control import view
from emulator.api.control.checks import (
    check_configuration,
    check_emulated,
    check_idle,
    check_revision,
    check_runtime,
    check_size,
    check_storage,
)
from emulator.api.control.code import code_of
from emulator.api.control.code_signing import check_code
from emulator.api.control.collaborators import function_name, scope_of
from emulator.api.control.functions import CONFIGURED, configured
from emulator.api.control.layer_references import layers_of
from emulator.api.control.versions import publish
from emulator.api.control.without_effect import tell_of_no_effect
from emulator.core.function_names import Reference
from emulator.live.store.catalog import not_found
from emulator.live.store.function_records import UpdateStatus, revised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.live.store.function_records import Version

_REPLACED_IN_PARTS = ("ImageConfig", "LoggingConfig")
"""Structures whose members are set one by one; an update leaves out what stays."""


def update_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations that change functions, by name."""
    return {
        "UpdateFunctionCode": partial(update_function_code, control),
        "UpdateFunctionConfiguration": partial(update_function_configuration, control),
    }


async def update_function_code(control: Control, call: Call) -> dict[str, Any]:
    """Gives a function other code; with DryRun only says what would be."""
    arguments, scope = call.arguments, scope_of(call)
    now = _changeable(control, call)
    check_code(control, now.function)
    image = now.members.get("PackageType") == "Image"
    code = await code_of(control, scope, arguments, call.operation, image=image)
    before = _changeable(control, call)  # which may have changed while the code was kept
    members = dict(before.members)
    if architectures := arguments.get("Architectures"):
        members["Architectures"] = architectures
    code = replace(code, layer_archives=before.code.layer_archives, layers=before.code.layers)
    check_storage(control, scope, code.size)
    if arguments.get("DryRun"):
        return view.configuration(replace(before, members=members, code=code))
    return await _updated(control, call, before, members=members, code=code)


async def update_function_configuration(control: Control, call: Call) -> dict[str, Any]:
    """Gives a function other settings; what the call does not name stays."""
    arguments = call.arguments
    check_emulated(arguments)
    check_runtime(control, arguments.get("Runtime"))
    before = _changeable(control, call)
    members, code = dict(before.members), before.code
    for name, value in configured(arguments, CONFIGURED).items():
        in_parts = name in _REPLACED_IN_PARTS and value
        members[name] = {**members.get(name, {}), **value} if in_parts else value
    if arguments.get("Layers") is not None:
        layers = layers_of(control, arguments["Layers"])
        members["Layers"], code = layers.members, replace(layers.added_to(code), layers=())
        check_size(control, replace(before, code=code), layers.unzipped)
    tell_of_no_effect(before.function.arn(), arguments)
    return await _updated(control, call, before, members=members, code=code)


def _changeable(control: Control, call: Call) -> Version:
    """Returns the $LATEST of the function that a call wants to change."""
    name = function_name(call)
    found = control.catalog.version(name)
    if found is None:
        raise not_found(Reference(name))
    check_idle(found)
    check_revision(found.revision, call.arguments.get("RevisionId"))
    return found


async def _updated(control: Control, call: Call, before: Version, **changes: Any) -> dict[str, Any]:
    status = replace(
        before.status,
        update=UpdateStatus.IN_PROGRESS,
        update_reason="The function is being created.",
        update_reason_code="Creating",
    )
    after = revised(before, control.time_of_day(), status=status, **changes)
    check_configuration(control, after)
    await control.catalog.save(after)
    if not call.arguments.get("Publish"):
        control.deployer.begin_update(before, after)
        return view.configuration(after)
    published = await publish(control, after)
    control.deployer.begin_update(before, after)
    return view.configuration(published)
