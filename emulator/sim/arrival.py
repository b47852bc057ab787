"""Defines a request that arrives.

A module of its own, since the compiler of the core drops the options of a Struct.
"""

from __future__ import annotations

from msgspec import Struct

from emulator.core.model import Seconds, VersionKey  # noqa: TC001  # a Struct resolves its fields


class Arrival(Struct, frozen=True, order=True):
    """Holds the time of a request and the version that is asked for."""

    at: Seconds
    key: VersionKey
    """Key of the function version."""
    tenant: str = ""
    """Tenant for whom the version is asked, where the version is isolated by tenant."""
