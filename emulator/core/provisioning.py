"""Counts provisioned concurrency: the sandboxes of a version that must stand ready, and that do.

Only the account stands here; the scheduler starts and stops sandboxes. A sandbox whose init fails
is not replaced until the number is set again: the same init would fail for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.model import SandboxState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.model import Sandbox, VersionKey


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Holds how far a version's provisioned concurrency has come."""

    ready: int
    """Sandboxes that are initialized, idle or not."""
    given_up: int
    """Sandboxes that are missing since their init failed."""


class Provisioning:
    """Keeps, for each version, the wanted number and the sandboxes that count towards it."""

    def __init__(self) -> None:
        self._targets: dict[VersionKey, int] = {}
        self._members: dict[VersionKey, set[int]] = {}
        self._given_up: dict[VersionKey, int] = {}
        self.may_be_short: set[VersionKey] = set()
        """Versions that may have too few; so that most events cost one look at an empty set."""

    def set(self, key: VersionKey, count: int) -> None:
        """Sets how many sandboxes of a version must stand ready; 0 ends that."""
        self._targets[key] = count
        self._given_up[key] = 0
        self._members.setdefault(key, set())
        self.may_be_short.add(key)

    def forget(self, key: VersionKey) -> None:
        """Ends the account of a version that is replaced."""
        for of_key in (self._targets, self._members, self._given_up):
            of_key.pop(key, None)
        self.may_be_short.discard(key)

    def total(self, name: str) -> int:
        """Returns the wanted number of all versions of a function together."""
        return sum(n for key, n in self._targets.items() if key.name == name)

    def short(self) -> list[VersionKey]:
        """Returns the versions that have too few sandboxes, sorted."""
        return [key for key in sorted(self.may_be_short) if self.missing(key) > 0]

    def missing(self, key: VersionKey) -> int:
        """Returns how many sandboxes of a version must still be started."""
        return self._targets[key] - self._given_up[key] - len(self._members[key])

    def surplus(self, key: VersionKey) -> int:
        """Returns how many sandboxes of a version are too many."""
        if key not in self._targets:
            return 0
        return max(0, len(self._members[key]) - self._targets[key])

    def members(self, key: VersionKey) -> list[int]:
        """Returns the sandboxes of a version that count, in the order of their creation."""
        return sorted(self._members.get(key, ()))

    def given_up(self, key: VersionKey) -> int:
        """Returns how many places of a version stay empty, as their init failed."""
        return self._given_up.get(key, 0)

    def add(self, key: VersionKey, sandbox: int) -> None:
        """Counts a new sandbox."""
        self._members[key].add(sandbox)
        if self.missing(key) <= 0:
            self.may_be_short.discard(key)

    def remove(self, key: VersionKey, sandbox: int, *, failed: bool) -> None:
        """Counts a sandbox no longer; after an init that `failed`, the place stays empty."""
        if sandbox in self._members.get(key, ()):
            self._members[key].discard(sandbox)
            self._given_up[key] += failed
            self.may_be_short.add(key)

    def check(self, sandboxes: Mapping[int, Sandbox]) -> None:
        """Raises AssertionError where the members are not provisioned sandboxes that live."""
        for key, members in self._members.items():
            for number in members:
                sandbox = sandboxes[number]
                alive = sandbox.state < SandboxState.STOPPING
                counts = sandbox.provisioned and alive and not sandbox.retired
                assert counts, f"sandbox {number} counts as provisioned"
                assert sandbox.function.key == key, f"sandbox {number} is not of {key}"
