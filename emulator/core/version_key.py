"""Defines the names of one version of one function, and of its requests that share sandboxes.

A module of its own, since the compiler of the core has no classes that derive from `str`.
"""

from __future__ import annotations

LATEST = "$LATEST"
"""Name of a function's unpublished version."""


_TENANT = "|"
"""Parts a version from a tenant: a character that stands in no version and in no tenant's id."""


class PoolKey(str):
    """Names requests that may share sandboxes: all for a version, or a tenant's for a version."""

    __slots__ = ()

    @classmethod
    def of_tenant(cls, key: VersionKey, tenant: str) -> PoolKey:
        """Makes the key of one tenant's requests for a version."""
        return cls(f"{key}{_TENANT}{tenant}")

    @property
    def version_key(self) -> VersionKey:
        """Returns the version that is asked for."""
        return VersionKey(self.partition(_TENANT)[0])

    @property
    def tenant(self) -> str:
        """Returns the tenant's id; empty where the version's sandboxes serve everybody."""
        return self.partition(_TENANT)[2]


class VersionKey(PoolKey):
    """Names one version of one function, as `name:version`; a plain string in a journal."""

    __slots__ = ()

    @classmethod
    def of(cls, name: str, version: str = LATEST) -> VersionKey:
        """Makes the key of a version out of its two parts."""
        return cls(f"{name}:{version}")

    @property
    def name(self) -> str:
        """Returns the function's name."""
        return self.partition(":")[0]

    @property
    def version(self) -> str:
        """Returns the version's name."""
        return self.partition(":")[2]
