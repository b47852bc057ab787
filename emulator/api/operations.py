"""Every operation of AWS's APIs that the emulator serves itself, in one registry.

A room of operations adds its own here, with the parts of the emulator that it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.control.operations import control_operations
from emulator.api.services.calls import Registry

if TYPE_CHECKING:
    from emulator.api.control.collaborators import Control


def all_operations(control: Control) -> Registry:
    """Returns who serves which operation."""
    registry = Registry()
    registry.add_all("lambda", control_operations(control))
    return registry
