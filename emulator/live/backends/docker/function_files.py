"""Keeps the files of functions for stem cells, and prunes those that no version needs any more.

A version's files are in a folder of their image's name, as `task` and `opt`, which are mounted into
the sandboxes that come of cells. Which version has which files is kept beside the folders, so that
the next emulator knows what versions that it has not made ready yet will need. Files go when no
version has them and no sandbox sees them: neither one of ours, nor one that an emulator that was
killed has left and that is still being swept up. Containers are not known here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.core.version_key import VersionKey
from emulator.host.mounted_paths import mounted_paths

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

log = logging.getLogger(__name__)

_VERSIONS = "versions.json"
_PART, _START, _GONE = ".part-", ".start-", ".gone-"
FOLDERS = ("task", "opt")


class FunctionFiles:
    """Owns a folder of the emulator's state. Lives in one event loop; `close` ends the pruning.

    `mounted` returns the paths that any process of this machine sees through a mount.
    """

    def __init__(
        self, folder: Path, mounted: Callable[[], Collection[str]] = mounted_paths
    ) -> None:
        self.folder = folder
        self._mounted = mounted
        self._versions: dict[VersionKey, str] = {}
        """The name of each version's folder; also of versions that are not made ready yet."""
        self._new: set[str] = set()
        """Folders that were asked for, and that no version has been given yet."""
        self._seen_by: Counter[str] = Counter()
        """Sandboxes of ours that see a folder, or are about to."""
        self._pruning: asyncio.Task[None] | None = None
        self._again = False
        with suppress(OSError, ValueError):  # none yet, or torn: files are copied once more
            kept: dict[str, str] = json.loads((folder / _VERSIONS).read_text())
            self._versions = {VersionKey(key): name for key, name in kept.items()}

    def of(self, package: str) -> Path:
        """Returns the folder of an image's files, there or not."""
        return self.folder / _name(package)

    async def take_in(self, package: str, copy: Callable[[Path], Awaitable[None]]) -> None:
        """Has an image's files copied, unless they are there.

        Raises:
            OSError: they cannot be written; as whatever `copy` raises, nothing is left of them.
        """
        files = self.of(package)
        self._new.add(files.name)
        if files.is_dir():
            return
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        made = self._part()
        try:
            await copy(made)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            if not files.is_dir():
                self._new.discard(files.name)
            raise
        # nothing is awaited until the caller has them
        if files.is_dir():  # two versions with one image came at once
            shutil.rmtree(made, ignore_errors=True)
        else:
            made.rename(files)

    def _part(self) -> Path:
        """Makes the folder of files that are not all there yet."""
        made = Path(tempfile.mkdtemp(prefix=_PART, dir=self.folder))
        made.chmod(0o755)
        for name in FOLDERS:
            (made / name).mkdir(mode=0o755)
        return made

    def start_folder(self) -> Path:
        """Makes a folder for one sandbox's program, which whoever asks removes."""
        return Path(tempfile.mkdtemp(prefix=_START, dir=self.folder))

    # who needs what

    def put(self, key: VersionKey, package: str) -> None:
        """Takes from which image a version's sandboxes start from now on, and from no other."""
        name = _name(package)
        self._new.discard(name)
        if self._versions.get(key) != name:
            self._versions[key] = name
            self._changed()

    def forget(self, key: VersionKey) -> None:
        """Takes that a version is no more."""
        if self._versions.pop(key, None) is not None:
            self._changed()

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        """Takes which versions there are, ready or not."""
        self._versions = {key: name for key, name in self._versions.items() if key in keys}
        self._changed()

    def seen(self, package: str) -> None:
        """Takes that a sandbox is going to see an image's files."""
        self._seen_by[_name(package)] += 1

    def unseen(self, package: str) -> None:
        """Takes that a sandbox that saw an image's files is gone."""
        name = _name(package)
        self._seen_by[name] -= 1
        if self._seen_by[name] <= 0:
            del self._seen_by[name]
            if not self._is_needed(name):
                self._prune()

    def _is_needed(self, name: str) -> bool:
        return name in self._new or name in self._seen_by or name in self._versions.values()

    def _changed(self) -> None:
        try:
            self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            written = self.folder / f".{_VERSIONS}"
            written.write_text(json.dumps(self._versions, indent=1))
            written.rename(self.folder / _VERSIONS)
        except OSError as error:  # the next emulator copies files once more, or prunes later
            log.warning("%s cannot be written: %s", self.folder / _VERSIONS, error)
        self._prune()

    # pruning

    def _prune(self) -> None:
        """Begins to prune, or to prune once more after what is under way."""
        if self._pruning is not None and not self._pruning.done():
            self._again = True
            return
        self._pruning = asyncio.get_running_loop().create_task(self._pruned())

    async def _pruned(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            try:
                await self._prune_once()
            except OSError as error:  # disk is not freed, and nothing else depends on it
                log.warning("files that no function needs stay in %s: %s", self.folder, error)

    async def _prune_once(self) -> None:
        if not any(self._unneeded()):
            return
        seen = [f"{path}/" for path in await asyncio.to_thread(self._mounted)]
        # asked anew, as time has passed, and then nothing is awaited until each is out of reach
        for folder in self._unneeded():
            if not any(f"/{folder.name}/" in path for path in seen):
                folder.rename(folder.with_name(_GONE + folder.name.removeprefix(_GONE)))
        gone = list(self.folder.glob(f"{_GONE}*"))
        await asyncio.to_thread(_remove, gone)

    def _unneeded(self) -> list[Path]:
        """Returns the folders with the files of no version, and what was left half removed."""
        if not self.folder.is_dir():
            return []
        return [
            path
            for path in self.folder.iterdir()
            if (not path.name.startswith(".") or path.name.startswith(_GONE))
            and path.is_dir()
            and not self._is_needed(path.name)
        ]

    async def sweep(self) -> None:
        """Removes what an emulator that was killed has left half made; before anything is made.

        Programs of sandboxes that some process still sees stay, until the next start.
        """
        if not self.folder.is_dir():
            return
        seen = [f"{path}/" for path in await asyncio.to_thread(self._mounted)]
        left = [path for name in (_PART, _START, _GONE) for path in self.folder.glob(f"{name}*")]
        unseen = [one for one in left if not any(f"/{one.name}/" in path for path in seen)]
        await asyncio.to_thread(_remove, unseen)

    async def close(self) -> None:
        """Waits for the end of what is being pruned."""
        if self._pruning is not None:
            await self._pruning


def _name(package: str) -> str:
    return package.removeprefix("sha256:")


def _remove(folders: Collection[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
