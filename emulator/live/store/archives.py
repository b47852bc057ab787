"""Keeps the zips of functions and layers, each under the digest of its bytes, and unpacks them.

A small zip lies in the state's database, where it is written with the change that needs it, so that
a new function waits for the disk once; a larger one is a file. Neither is ever changed. Which
versions and layers need an archive is the catalogue's matter. What blocks runs in a thread.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import os
import secrets
import shutil
import stat
import tempfile
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from emulator.errors import InvalidParameterValueError
from emulator.live.store.database import Schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection
    from typing import IO

    from emulator.live.store.database import Database
    from emulator.live.store.resources import Resources

ARCHIVES = Schema(
    "archives", 1, ("CREATE TABLE archives (name TEXT PRIMARY KEY, content BLOB NOT NULL)",)
)

_SMALL = 256 * 1024
"""Most bytes of a zip in the database: read and written at once, they cost less than a file."""
_UNPACKING = ".unpacking-"
_AT_ONCE = 8
"""Archives that `prune` removes at a time, so that the disk is not busy for long."""
_BROKEN = "Could not unzip uploaded file. Please check your file, then try to upload again."
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What `zipfile` raises for files that are damaged, encrypted or packed in an unknown way."""
_EXECUTABLE, _READABLE = 0o755, 0o644
_MADE_ON_UNIX = 3
"""Only there a zip tells which files are executable."""
_LONGEST_LINK = 4096


@dataclass(frozen=True, slots=True)
class Archive:
    """Describes a zip that is kept."""

    name: str
    """Name by which the store finds the zip: its SHA-256 in hexadecimal digits."""
    sha256: str
    """The same digest in base64, as CodeSha256 has it."""
    size: int
    """Bytes of the zip."""
    unzipped: int
    """Bytes of all its files."""


class Archives:
    """Keeps zips in the folder `path` or in the database, and unpacks them in that folder.

    The database was opened with `ARCHIVES`.
    """

    def __init__(self, path: Path, database: Database, resources: Resources) -> None:
        self._path = path
        self._database = database
        self._resources = resources
        self._asked: dict[str, float] = {}
        """When each archive was kept or looked for last, in the loop's seconds."""

    async def keep(self, content: bytes, most_unzipped: int) -> Archive:
        """Checks a zip and keeps it: it is on the disk when the next change of the resources is.

        Raises:
            InvalidParameterValueError: the bytes are no zip, or its files are too large; AWS's
                sentences.
            OSError: there is no room.
        """
        if len(content) > _SMALL:
            archive = await asyncio.to_thread(_described, content, most_unzipped)
            self._ask(archive.name)  # before the look for a file that is there
            await asyncio.to_thread(self._keep_file, archive.name, content)
            return archive
        archive = _described(content, most_unzipped)
        self._ask(archive.name)
        self._resources.also(partial(_insert, name=archive.name, content=content))
        return archive

    async def folder(self, name: str) -> Path:
        """Returns the folder of an archive's files, which are unpacked the first time.

        Raises:
            InvalidParameterValueError: a file in the zip is damaged.
            OSError: the archive is missing, or there is no room.
        """
        self._ask(name)
        target = self._path / name
        if not await asyncio.to_thread(target.is_dir):
            source = await self.content(name) or self.file(name)
            await asyncio.to_thread(self._unpack, source, target)
        return target

    def file(self, name: str) -> Path:
        """Returns the path of an archive's zip, where that is a file."""
        return self._path / f"{name}.zip"

    async def content(self, name: str) -> bytes | None:
        """Returns the bytes of a small zip; None where it is a file, or there is none."""
        return await self._database.read(partial(_content, name=name))

    async def keep_only(self, names: Collection[str]) -> None:
        """Removes every other archive, its folder, and what killed emulators left."""
        await asyncio.to_thread(self._sweep, frozenset(names))
        await self._database.write(partial(_delete_others, names=frozenset(names)))

    async def prune(
        self,
        needed: Callable[[], Collection[str]],
        grace: float,
        in_work: Callable[[], Collection[str]] = tuple,
    ) -> bool:
        """Removes some archives that are not `needed`, with their folders.

        Those `in_work` stay, and those that were kept or looked for in the last `grace` seconds, as
        a version that needs them may be about to be saved.

        Returns:
            Whether some were left that are not needed.
        """
        found = {_archive_of(path) for path in await asyncio.to_thread(self._entries)}
        found.update(await self._database.read(_names))
        now = asyncio.get_running_loop().time()
        self._asked = {name: at for name, at in self._asked.items() if now - at < grace}
        unneeded = found - {"", *needed()}
        going = sorted(unneeded - self._asked.keys() - {*in_work()})[:_AT_ONCE]
        # nothing is awaited until all are out of reach, and the database's order is that of calls
        gone = [_put_away(path) for path in self._entries() if _archive_of(path) in going]
        await self._database.write(partial(_delete, names=going))
        await asyncio.to_thread(_remove, gone)
        return len(going) < len(unneeded)

    def _ask(self, name: str) -> None:
        self._asked[name] = asyncio.get_running_loop().time()

    def _entries(self) -> list[Path]:
        return list(self._path.iterdir()) if self._path.is_dir() else []

    def _keep_file(self, name: str, content: bytes) -> None:
        file = self.file(name)
        if not file.exists():
            self._path.mkdir(parents=True, exist_ok=True)
            _write_durably(file, content)

    def _unpack(self, source: bytes | Path, target: Path) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_UNPACKING, dir=self._path))
        try:
            _unpack(io.BytesIO(source) if isinstance(source, bytes) else source, folder)
            folder.chmod(_EXECUTABLE)
            with suppress(OSError):  # another thread was first, and its folder is as good
                folder.rename(target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self, names: frozenset[str]) -> None:
        _remove([path for path in self._entries() if path.name.removesuffix(".zip") not in names])


def _archive_of(path: Path) -> str:
    """Returns the name of the archive that a file or folder is of; empty where it is of none."""
    name = path.name.removesuffix(".zip")
    return "" if name.startswith(_UNPACKING) else name


def _put_away(path: Path) -> Path:
    """Renames what is to be removed, so that nobody finds it any more; returns its new place."""
    return path.rename(path.with_name(f"{_UNPACKING}{secrets.token_hex(4)}-{path.name}"))


def _remove(paths: Collection[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _described(content: bytes, most_unzipped: int) -> Archive:
    digest = hashlib.sha256(content)
    name, sha256 = digest.hexdigest(), base64.b64encode(digest.digest()).decode()
    return Archive(name, sha256, len(content), _unzipped_size(content, most_unzipped))


def _insert(connection: sqlite3.Connection, name: str, content: bytes) -> None:
    connection.execute("INSERT OR IGNORE INTO archives VALUES (?, ?)", (name, content))


def _content(connection: sqlite3.Connection, name: str) -> bytes | None:
    row = connection.execute("SELECT content FROM archives WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def _names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM archives")]


def _delete(connection: sqlite3.Connection, names: Collection[str]) -> None:
    rows = ((name,) for name in names)
    connection.executemany("DELETE FROM archives WHERE name = ?", rows)


def _delete_others(connection: sqlite3.Connection, names: frozenset[str]) -> None:
    _delete(connection, [name for name in _names(connection) if name not in names])


def _write_durably(file: Path, content: bytes) -> None:
    """Writes a file that is there in whole or not at all, whatever ends this process."""
    descriptor, new = tempfile.mkstemp(prefix=_UNPACKING, dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(new).rename(file)
    except BaseException:
        Path(new).unlink(missing_ok=True)
        raise
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unzipped_size(content: bytes, most: int) -> int:
    """Returns the bytes of a zip's files, as its directory has them."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            size = sum(entry.file_size for entry in opened.infolist())
    except _FAULTS as error:
        raise InvalidParameterValueError(_BROKEN) from error
    if size >= most:
        raise InvalidParameterValueError(f"Unzipped size must be smaller than {most} bytes")
    return size


def _unpack(source: Path | IO[bytes], folder: Path) -> None:
    try:
        with zipfile.ZipFile(source) as opened:
            for entry in opened.infolist():
                _unpack_entry(opened, entry, folder)
    except _FAULTS as error:
        raise InvalidParameterValueError(_BROKEN) from error


def _unpack_entry(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    """Writes one file below the folder, readable by the user of sandboxes.

    Raises:
        ValueError: the name, or what a link names, leads out of the folder.
    """
    name = PurePosixPath(entry.filename)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"{entry.filename} leads out of the archive")
    target = folder.joinpath(*name.parts)
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{entry.filename} leads out of the archive")
    mode = entry.external_attr >> 16
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        _link(opened.read(entry)[:_LONGEST_LINK].decode(), target, folder)
        return
    with opened.open(entry) as packed, target.open("wb") as out:
        shutil.copyfileobj(packed, out)
    runs = entry.create_system == _MADE_ON_UNIX and mode & stat.S_IXUSR
    target.chmod(_EXECUTABLE if runs else _READABLE)


def _link(to: str, target: Path, folder: Path) -> None:
    destination = (target.parent / to).resolve()
    if PurePosixPath(to).is_absolute() or not destination.is_relative_to(folder.resolve()):
        raise ValueError(f"the link {target.name} leads out of the archive")
    target.symlink_to(to)
