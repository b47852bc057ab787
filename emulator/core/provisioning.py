"""Provisioned concurrency: how many sandboxes of a version are to stand ready, and which do.

It only counts; the scheduler starts and stops them. A sandbox whose init fails is not replaced
until the number is set again: what fails once would fail for ever.
"""

from __future__ import annotations


class Provisioning:
    def __init__(self) -> None:
        self._targets: dict[str, int] = {}
        self._members: dict[str, set[int]] = {}
        self._given_up: dict[str, int] = {}
        self._short: set[str] = set()
        """Versions that may have too few; so that most events cost one look at an empty set."""

    def set(self, key: str, count: int) -> None:
        """0 ends it."""
        self._targets[key] = count
        self._given_up[key] = 0
        self._members.setdefault(key, set())
        self._short.add(key)

    def forget(self, key: str) -> None:
        """The version is replaced; its sandboxes are its own affair from now on."""
        for of_key in (self._targets, self._members, self._given_up):
            of_key.pop(key, None)
        self._short.discard(key)

    def total(self, name: str) -> int:
        """Of all versions of a function."""
        return sum(n for key, n in self._targets.items() if key.partition(":")[0] == name)

    def short(self) -> list[str]:
        """Versions that have too few."""
        return [key for key in sorted(self._short) if self.missing(key) > 0]

    def missing(self, key: str) -> int:
        return self._targets[key] - self._given_up[key] - len(self._members[key])

    def surplus(self, key: str) -> int:
        if key not in self._targets:
            return 0
        return max(0, len(self._members[key]) - self._targets[key])

    def members(self, key: str) -> list[int]:
        """In the order of their creation."""
        return sorted(self._members.get(key, ()))

    def add(self, key: str, sandbox: int) -> None:
        self._members[key].add(sandbox)
        if self.missing(key) <= 0:
            self._short.discard(key)

    def remove(self, key: str, sandbox: int, *, failed: bool) -> None:
        """`failed`: its init did, and no other takes its place."""
        if sandbox in self._members.get(key, ()):
            self._members[key].discard(sandbox)
            self._given_up[key] += failed
            self._short.add(key)
