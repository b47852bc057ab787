"""Keeps documents of the control plane: functions, versions, aliases, layers and their settings.

A resource is a JSON object under a key: the account and region, its kind, a name, and a qualifier
where the name has several. All are in memory, and every change is on the disk when its call
returns. What a document means is its writer's matter; those of functions are `catalog`'s.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import msgspec

from emulator.core.function_names import Scope
from emulator.errors import StateVersionError
from emulator.live.store.database import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from emulator.live.store.database import Database

RESOURCES = Schema(
    "resources",
    version=1,
    statements=(
        """CREATE TABLE resources (
            account TEXT, region TEXT, kind TEXT, name TEXT, qualifier TEXT,
            document TEXT NOT NULL,
            PRIMARY KEY (account, region, kind, name, qualifier)
        ) WITHOUT ROWID""",
    ),
)

_FIND = (
    "SELECT document FROM resources"
    " WHERE account = ? AND region = ? AND kind = ? AND name = ? AND qualifier = ?"
)
_DELETE = (
    "DELETE FROM resources"
    " WHERE account = ? AND region = ? AND kind = ? AND name = ? AND qualifier = ?"
)
_PUT = "REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?)"
_Columns: TypeAlias = tuple[str, str, str, str, str]

Document: TypeAlias = "Mapping[str, Any]"


class Kind(StrEnum):
    """Names what a document describes; a name in a file of a user must never change."""

    FUNCTION = "function"
    VERSION = "version"
    """By function and version, `$LATEST` included."""
    ALIAS = "alias"
    """By function and alias."""
    CONCURRENCY = "concurrency"
    """By function: its reserved concurrency."""
    PROVISIONED_CONCURRENCY = "provisioned-concurrency"
    """By function and version or alias."""
    URL = "url"
    """By function and alias; an empty qualifier is $LATEST's."""
    EVENT_INVOKE_CONFIG = "event-invoke-config"
    """By function and qualifier."""
    POLICY = "policy"
    """By function and qualifier."""
    CODE_SIGNING = "code-signing"
    """By function: its code signing configuration's ARN."""
    RUNTIME_MANAGEMENT = "runtime-management"
    """By function and qualifier."""
    RECURSION = "recursion"
    """By function."""
    SCALING = "scaling"
    """By function and qualifier."""
    CODE_SIGNING_CONFIG = "code-signing-config"
    """By its id."""
    EVENT_SOURCE = "event-source"
    """By its UUID."""
    TAGS = "tags"
    """By kind and id of what is labelled, but for functions."""
    LAYER = "layer"
    """By layer and version; without a version: the number of the next one."""
    LAYER_POLICY = "layer-policy"
    """By layer and version."""


OF_FUNCTIONS = (
    *(Kind.FUNCTION, Kind.VERSION, Kind.ALIAS, Kind.CONCURRENCY, Kind.PROVISIONED_CONCURRENCY),
    *(Kind.URL, Kind.EVENT_INVOKE_CONFIG, Kind.POLICY, Kind.CODE_SIGNING),
    *(Kind.RUNTIME_MANAGEMENT, Kind.RECURSION, Kind.SCALING),
)
"""The kinds whose documents end with their function."""


class Key(NamedTuple):
    """Tells a document from all others."""

    scope: Scope
    kind: Kind
    name: str
    qualifier: str = ""


Watcher: TypeAlias = "Callable[[Collection[Key]], None]"


class Resources:
    """Finds documents by key, name or kind. A document is never changed, but replaced.

    Use from one event loop: what `change` was given is seen by the next reader at once, before the
    disk has it, so that a check and the change that follows from the check are one step.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found: defaultdict[tuple[Scope, Kind], dict[str, dict[str, Document]]]
        self._found = defaultdict(dict)
        self._watchers: list[Watcher] = []
        self._also: list[Callable[[sqlite3.Connection], None]] = []

    def watch(self, watcher: Watcher) -> None:
        """Calls `watcher` with the keys of each later change, once memory has the change."""
        self._watchers.append(watcher)

    @classmethod
    async def open(cls, database: Database) -> Self:
        """Returns the resources of a database that was opened with `RESOURCES`.

        Raises:
            StateVersionError: a later emulator has kept what this one does not know.
        """
        found = cls(database)
        for account, region, kind, name, qualifier, text in await database.read(_rows):
            key = Key(Scope(account, region), _known(kind), name, qualifier)
            found._put(key, msgspec.json.decode(text))
        return found

    def get(self, key: Key) -> Document | None:
        """Returns the document of a key; None where there is none."""
        return self._found[key.scope, key.kind].get(key.name, {}).get(key.qualifier)

    def named(self, scope: Scope, kind: Kind, name: str) -> Mapping[str, Document]:
        """Returns the documents of a name, by qualifier, in no order."""
        return self._found[scope, kind].get(name, {})

    def all(self, scope: Scope, kind: Kind) -> Mapping[str, Mapping[str, Document]]:
        """Returns the documents of a kind, by name and qualifier, in no order."""
        return self._found[scope, kind]

    def scopes(self, kind: Kind) -> list[Scope]:
        """Returns the accounts and regions that have documents of a kind."""
        return [scope for (scope, found), names in self._found.items() if found is kind and names]

    def also(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Does `work` in the transaction of the next change, and so before its call returns."""
        self._also.append(work)

    async def change(self, changes: Mapping[Key, Document | None]) -> None:
        """Puts documents in place of earlier ones, and takes away those given as None; all or none.

        Raises:
            sqlite3.Error: the disk is full or broken; every document is as before.
        """
        rows = [(_columns(key), _text(document)) for key, document in changes.items()]
        also, self._also = self._also, []
        for key, document in changes.items():
            self._replace(key, document)
        self._tell(changes)
        writing = asyncio.ensure_future(self._database.write(partial(_store, rows=rows, also=also)))
        try:
            await asyncio.shield(writing)  # a caller who leaves takes back nothing
        except (sqlite3.Error, RuntimeError):
            self._also = also + self._also
            await self._take_back(changes)
            raise

    async def _take_back(self, changes: Mapping[Key, Document | None]) -> None:
        """Puts what the disk has in the place of documents that it has not."""
        for key, document in changes.items():
            if self.get(key) is document:  # and no later change of somebody else's
                text = await self._database.read(partial(_stored, columns=_columns(key)))
                self._replace(key, None if text is None else msgspec.json.decode(text))
        self._tell(changes)

    def _tell(self, keys: Collection[Key]) -> None:
        for watcher in self._watchers:
            watcher(keys)

    def _replace(self, key: Key, document: Document | None) -> None:
        if document is None:
            self._take(key)
        else:
            self._put(key, document)

    def _put(self, key: Key, document: Document) -> None:
        self._found[key.scope, key.kind].setdefault(key.name, {})[key.qualifier] = document

    def _take(self, key: Key) -> None:
        names = self._found[key.scope, key.kind]
        qualifiers = names.get(key.name, {})
        qualifiers.pop(key.qualifier, None)
        if not qualifiers:
            names.pop(key.name, None)


def _known(kind: str) -> Kind:
    try:
        return Kind(kind)
    except ValueError:
        raise StateVersionError(
            f"The state directory has a {kind}, of which this version of the testbed knows "
            "nothing. Install the later one that made it, or name another --state-dir."
        ) from None


def _columns(key: Key) -> _Columns:
    return key.scope.account, key.scope.region, key.kind.value, key.name, key.qualifier


def _text(document: Document | None) -> str | None:
    return None if document is None else msgspec.json.encode(document).decode()


def _stored(connection: sqlite3.Connection, columns: _Columns) -> str | None:
    row = connection.execute(_FIND, columns).fetchone()
    return None if row is None else row[0]


def _rows(connection: sqlite3.Connection) -> list[tuple[str, str, str, str, str, str]]:
    return connection.execute("SELECT * FROM resources").fetchall()


def _store(
    connection: sqlite3.Connection,
    rows: list[tuple[_Columns, str | None]],
    also: list[Callable[[sqlite3.Connection], None]],
) -> None:
    for work in also:
        work(connection)
    for columns, text in rows:
        if text is None:
            connection.execute(_DELETE, columns)
        else:
            connection.execute(_PUT, (*columns, text))
