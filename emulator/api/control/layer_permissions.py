"""Grants the use of versions of layers.

Sources: the API reference; sentences as in `policy_statements`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control import policy_statements as statements
from emulator.api.control.collaborators import scope_of
from emulator.api.control.permissions import add_statement, remove_statement, shown_policy
from emulator.errors import ResourceNotFoundError
from emulator.live.store.layers import layer_name
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.live.store.layers import LayerVersion


def layer_permission_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on policies of layers' versions, by name."""
    operations = {
        "AddLayerVersionPermission": add_layer_version_permission,
        "RemoveLayerVersionPermission": remove_layer_version_permission,
        "GetLayerVersionPolicy": get_layer_version_policy,
    }
    return {name: partial(operation, control) for name, operation in operations.items()}


async def add_layer_version_permission(control: Control, call: Call) -> dict[str, Any]:
    """Lets an account, an organization or everybody use a layer's version."""
    layer, arguments = _existing(control, call), call.arguments
    statement = statements.layer_statement(arguments, layer.arn)
    stored = await add_statement(
        control, _key(layer), statement, arguments.get("RevisionId"), control.profile.code.policy
    )
    return {"Statement": statements.written(statement), "RevisionId": stored["revision"]}


async def remove_layer_version_permission(control: Control, call: Call) -> dict[str, Any]:
    """Takes a statement away."""
    arguments = call.arguments
    key = _key(_existing(control, call))
    await remove_statement(control, key, arguments["StatementId"], arguments.get("RevisionId"))
    return {}


async def get_layer_version_policy(control: Control, call: Call) -> dict[str, Any]:
    """Shows the policy of a layer's version."""
    return shown_policy(control.catalog.resources, _key(_existing(control, call)))


def _existing(control: Control, call: Call) -> LayerVersion:
    scope, name = layer_name(call.arguments["LayerName"], scope_of(call))
    number = call.arguments["VersionNumber"]
    found = control.catalog.layers.version(scope, name, number)
    if found is None:
        arn = scope.arn("lambda", f"layer:{name}:{number}")
        raise ResourceNotFoundError(f"Layer version {arn} does not exist.")
    return found


def _key(layer: LayerVersion) -> Key:
    return Key(layer.scope, Kind.LAYER_POLICY, layer.name, str(layer.number))
