"""Knows which packages some version or sandbox needs, and removes the others from the disk.

Which version has which package is kept beside the packages, so that the next emulator knows what
versions that it has not made ready yet will need. A package goes when no version has it, nobody
makes a version of it and no sandbox uses it: neither one of ours, nor one that an emulator that was
killed has left. What a package is, and where sandboxes see it, is not known here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import shutil
import threading
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.version_key import VersionKey
from emulator.host.mounted_paths import mounted_paths

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Collection
    from pathlib import Path

log = logging.getLogger(__name__)

VERSIONS = "versions.json"
"""The file, beside packages, of which version has which."""
GONE = ".gone-"
"""Begins the name of what is being removed."""
_AT_ONCE = 8
"""Packages that go at most after one change; others go after the next one or at the next start, so
that a change of many functions does not have the disk busy for long."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Describes a folder of packages, or of what was made of packages."""

    folder: Path
    entry: re.Pattern[str]
    """Matches what is a package's, and no other file; the first group is the package's name."""

    def entries(self) -> list[tuple[str, Path]]:
        """Returns each package's name with its file or folder."""
        if not self.folder.is_dir():
            return []
        matches = ((self.entry.fullmatch(path.name), path) for path in self.folder.iterdir())
        return [(match[1], path) for match, path in matches if match is not None]

    def gone(self) -> list[Path]:
        """Returns what is to be removed, also what a killed emulator has not removed any more."""
        return list(self.folder.glob(f"{GONE}*"))


class KeptPackages:
    """Owns which packages of some shelves stay. Lives in one event loop.

    `record` is the file of versions, and `name` makes a package's name of what sandboxes start
    from. `mounted` returns the paths that any process of this machine sees through a mount.
    `beside` returns, in a thread, the folders beside the packages that none of these needs. With
    `patient` nothing goes before `keep_only` has told which versions there are.
    """

    def __init__(
        self,
        record: Path,
        shelves: Collection[Shelf],
        name: Callable[[str], str],
        *,
        mounted: Callable[[], Collection[str]] = mounted_paths,
        beside: Callable[[], Collection[Path]] = tuple,
        patient: bool = True,
    ) -> None:
        self._record = record
        self._shelves = shelves
        self._name = name
        self._mounted = mounted
        self._beside = beside
        self._waits = patient
        self._versions: dict[VersionKey, str] = {}
        """The name of each version's package; also of versions that are not made ready yet."""
        self._asked: Counter[str] = Counter()
        """Packages that were asked for, and that no version has been given yet."""
        self._asked_ever = 0
        self._held: Counter[str] = Counter()
        """Packages that sandboxes use, or will."""
        self._pruning: asyncio.Task[None] | None = None
        self._most: int | None = 0
        """How many packages the next round may remove; None: all."""
        self._beside_waits = False
        """Whether what lies beside was not looked at, as somebody made a package."""
        self._closed = threading.Event()
        with suppress(OSError, ValueError):  # none yet, or torn: packages are made once more
            kept: dict[str, str] = json.loads(record.read_text())
            self._versions = {VersionKey(key): name for key, name in kept.items()}

    # who needs what

    def asked(self, package: str) -> None:
        """Takes that somebody makes or looks for a package; before they look, and until `put`."""
        self._asked[self._name(package)] += 1
        self._asked_ever += 1

    def unasked(self, package: str) -> None:
        """Takes that a package that was asked for is to be no version's after all."""
        name = self._name(package)
        self._take_back(self._asked, name)
        self._prune_without(name)

    def put(self, key: VersionKey, package: str) -> None:
        """Takes from which package a version's sandboxes start from now on, and from no other."""
        name, before = self._name(package), self._versions.get(key)
        self._take_back(self._asked, name)
        if before != name:
            self._versions[key] = name
            self._write()
        self._prune_without(before or name)

    def forget(self, key: VersionKey) -> None:
        """Takes that a version is no more; unknown ones are none."""
        if (before := self._versions.pop(key, None)) is not None:
            self._write()
            self._prune_without(before)

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        """Takes which versions there are, ready or not."""
        self._waits = False
        self._versions = {key: name for key, name in self._versions.items() if key in keys}
        self._write()
        self._prune(None)

    def hold(self, package: str) -> None:
        """Takes that sandboxes use a package, or will, whether a version has it or not."""
        self._held[self._name(package)] += 1

    def release(self, package: str) -> None:
        """Takes back one `hold`."""
        name = self._name(package)
        self._take_back(self._held, name)
        self._prune_without(name)

    def _needed(self) -> set[str]:
        return {*self._asked, *self._held, *self._versions.values()}

    @staticmethod
    def _take_back(counts: Counter[str], name: str) -> None:
        counts[name] -= 1
        if counts[name] <= 0:
            del counts[name]

    def _write(self) -> None:
        try:
            self._record.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
            written = self._record.with_name(f".{self._record.name}")
            written.write_text(json.dumps(self._versions))
            written.rename(self._record)
        except OSError as error:  # the next emulator makes packages once more, or prunes later
            log.warning("%s cannot be written: %s", self._record, error)

    # pruning

    def _prune_without(self, name: str) -> None:
        """Begins to prune if nobody needs a package any more, or something else waited for that."""
        if name not in self._needed() or (self._beside_waits and not self._asked):
            self._prune(_AT_ONCE)

    def _prune(self, most: int | None) -> None:
        """Begins to prune, or to prune once more after what is under way."""
        if self._waits or self._closed.is_set():
            return
        self._most = None if most is None or self._most is None else max(most, self._most)
        if self._pruning is None or self._pruning.done():
            self._pruning = asyncio.get_running_loop().create_task(self._pruned())

    async def _pruned(self) -> None:
        while self._most != 0 and not self._closed.is_set():
            most, self._most = self._most, 0
            try:
                await self._prune_once(most)
            except OSError as error:  # disk is not freed, and nothing else depends on it
                log.warning("what no function needs stays beside %s: %s", self._record, error)

    async def _prune_once(self, most: int | None) -> None:
        if self._unneeded():
            seen = [f"{path}/" for path in await asyncio.to_thread(self._mounted)]
            # asked anew, as time has passed, and then nothing is awaited until all are out of reach
            unneeded = self._unneeded()
            unseen = [one for one in unneeded if not any(f"/{one}/" in path for path in seen)]
            for path in (path for name in unseen[:most] for path in unneeded[name]):
                _put_away(path)
        gone = [path for shelf in self._shelves for path in shelf.gone()]
        await asyncio.to_thread(_remove, gone, self._closed)
        await asyncio.to_thread(_remove, await self._gone_beside(), self._closed)

    def _unneeded(self) -> dict[str, list[Path]]:
        """Returns, by name, what there is of each package that nobody needs."""
        found: defaultdict[str, list[Path]] = defaultdict(list)
        needed = self._needed()
        for name, path in (entry for shelf in self._shelves for entry in shelf.entries()):
            if name not in needed:
                found[name].append(path)
        return found

    async def _gone_beside(self) -> list[Path]:
        """Puts away what no package needs, unless some package came while that was looked for."""
        asked = self._asked_ever
        unneeded = [] if self._asked else await asyncio.to_thread(self._beside)
        self._beside_waits = bool(self._asked) or asked != self._asked_ever
        return [] if self._beside_waits else [_put_away(path) for path in unneeded]

    async def settled(self) -> None:
        """Waits for the end of what is being pruned."""
        while self._pruning is not None and not self._pruning.done():
            await self._pruning

    async def close(self) -> None:
        """Ends the pruning after what is being removed just now; the next emulator goes on."""
        self._closed.set()
        await self.settled()


def _put_away(path: Path) -> Path:
    """Renames what is to be removed, so that nobody finds it any more; returns its new place."""
    if path.name.startswith(GONE):
        return path
    return path.rename(path.with_name(f"{GONE}{secrets.token_hex(4)}-{path.name}"))


def _remove(paths: Collection[Path], closed: threading.Event) -> None:
    for path in paths:
        if closed.is_set():
            return
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
