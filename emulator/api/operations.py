"""Every operation of AWS's APIs that the emulator serves itself, in one registry.

A room of operations adds its own here, with the parts of the emulator that it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.control.account import account_operations
from emulator.api.services.calls import Registry

if TYPE_CHECKING:
    from emulator.core.profile import Profile
    from emulator.live.engine import Engine


def all_operations(engine: Engine, profile: Profile) -> Registry:
    """Returns who serves which operation."""
    registry = Registry()
    registry.add_all("lambda", account_operations(engine, profile))
    return registry
