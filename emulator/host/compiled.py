"""Tells whether the core that runs is the compiled one; decisions are the same either way."""

from __future__ import annotations

from importlib.util import find_spec


def is_compiled() -> bool:
    """Returns whether the scheduler comes from an extension module instead of its source."""
    found = find_spec("emulator.core.scheduler")
    return found is not None and found.origin is not None and not found.origin.endswith(".py")
