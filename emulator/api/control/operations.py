"""Gathers the operations on functions and on what belongs to them, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.control.account import account_operations
from emulator.api.control.aliases import alias_operations
from emulator.api.control.code_signing import code_signing_operations
from emulator.api.control.concurrency import concurrency_operations
from emulator.api.control.event_invoke_config import event_invoke_config_operations
from emulator.api.control.functions import function_operations
from emulator.api.control.layer_permissions import layer_permission_operations
from emulator.api.control.layers import layer_operations
from emulator.api.control.permissions import permission_operations
from emulator.api.control.recursion import recursion_operations
from emulator.api.control.runtime_management import runtime_management_operations
from emulator.api.control.scaling import scaling_operations
from emulator.api.control.tags import tag_operations
from emulator.api.control.updates import update_operations
from emulator.api.control.urls import url_operations
from emulator.api.control.versions import version_operations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Operation

_GROUPS = (
    account_operations,
    alias_operations,
    code_signing_operations,
    concurrency_operations,
    event_invoke_config_operations,
    function_operations,
    layer_operations,
    layer_permission_operations,
    permission_operations,
    recursion_operations,
    runtime_management_operations,
    scaling_operations,
    tag_operations,
    update_operations,
    url_operations,
    version_operations,
)


def control_operations(control: Control) -> Mapping[str, Operation]:
    """Returns who serves which operation."""
    return {name: function for group in _GROUPS for name, function in group(control).items()}
