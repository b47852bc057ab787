"""Keeps users, groups, roles, policies and keys in a file, so that they outlive the companion.

Runs in the companion's process, which alone writes the file. Whoever changes them gets an answer
when the change is on the disk.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends

from emulator.live.companion.identity_documents import (
    PARTITION,
    identity_documents,
    know,
    things,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 1
"""Version of the file; a later one is refused, an earlier one must be migrated here."""


class StateError(Exception):
    """Reports that the file of users and roles cannot be read."""


class KeptIdentities:
    """Owns the file from `load` on, which waits until an earlier companion has ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._written = ""
        self._orphans: dict[int, Any] = {}
        """Things of stacks of an earlier run, which ended with that, by their `id`."""

    def load(self) -> None:
        """Has moto know what the file says; no file says nothing.

        Raises:
            StateError: the file is of a later version, or damaged.
        """
        # as long as this process lives: a killed emulator's companion may still answer a call
        self._owner = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        try:
            self._written = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        for account, document in self._accounts().items():
            know(account, document)
            self._note_orphans(account, document)

    def close(self) -> None:
        """Leaves the file to the next companion."""
        os.close(self._owner)

    def keep(self) -> None:
        """Writes the file where something has changed; returns when that is on the disk."""
        with self._lock:
            accounts = identity_documents(self._orphans.keys() | set(map(id, _of_living_stacks())))
            text = json.dumps({"version": VERSION, "accounts": accounts}, indent=1)
            if text != self._written:
                _replace(self._path, text)
                self._written = text

    def make_way(self, account: str, member: str, name: str) -> None:
        """Forgets a thing of an earlier run's stack, as a stack is about to make it anew.

        A stack ends with its run, and what it made does not: the same template made again would
        meet its own role.
        """
        iam = iam_backends[account][PARTITION]
        for kind, its_name, thing in list(things(iam)):
            if (kind, its_name) == (member, name) and id(thing) in self._orphans:
                del self._orphans[id(thing)]
                _forget(iam, member, thing)

    def _accounts(self) -> dict[str, Any]:
        try:
            found = json.loads(self._written)
            version, accounts = int(found["version"]), dict(found["accounts"])
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(
                f"{self._path} cannot be read: {error!r}. Take it away, and no user is known."
            ) from error
        if version > VERSION:
            raise StateError(
                f"{self._path} was written by a later version of the testbed. Install that one, "
                "or name another --state-dir."
            )
        return accounts

    def _note_orphans(self, account: str, document: dict[str, Any]) -> None:
        for member, name, thing in things(iam_backends[account][PARTITION]):
            written = next(each for each in document[member] if each["name"] == name)
            if written["of_stack"]:
                self._orphans[id(thing)] = thing


def _of_living_stacks() -> Iterator[Any]:
    """Yields what CloudFormation's stacks have made, without loading CloudFormation for that."""
    models = sys.modules.get("moto.cloudformation.models")
    if models is None:
        return
    for account in list(models.cloudformation_backends.values()):
        for backend in list(account.values()):
            for stack in list(backend.stacks.values()):
                yield from list(stack.resource_map._parsed_resources.values())  # noqa: SLF001


def _forget(iam: Any, member: str, thing: Any) -> None:
    if member == "policies":
        for holder in (*iam.users.values(), *iam.groups.values(), *iam.roles.values()):
            holder.managed_policies.pop(thing.arn, None)
        del iam.managed_policies[thing.arn]
    elif member == "roles":
        for profile in iam.instance_profiles.values():
            profile.delete_role(thing.name)
        for policy in list(thing.managed_policies.values()):
            policy.detach_from(thing)
        del iam.roles[thing.id]
    else:
        for group in iam.groups.values():
            group.users = [user for user in group.users if user is not thing]
        found = {"users": iam.users, "groups": iam.groups, "profiles": iam.instance_profiles}
        del found[member][thing.name]


def _replace(path: Path, text: str) -> None:
    """Writes a file for its owner only, whole or not at all; returns when it is on the disk."""
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
