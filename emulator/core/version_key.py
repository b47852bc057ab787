"""Defines the name of one version of one function.

A module of its own, since the compiler of the core has no classes that derive from `str`.
"""

from __future__ import annotations

LATEST = "$LATEST"
"""Name of a function's unpublished version."""


class VersionKey(str):
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
