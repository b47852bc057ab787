"""Keeps the files of functions for stem cells, and prunes those that no version needs any more.

A version's files are in a folder of their image's name, as `task` and `opt`, which are mounted into
the sandboxes that come of cells. Containers are not known here.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.host.mounted_paths import mounted_paths
from emulator.live.backends.kept_packages import GONE, VERSIONS, KeptPackages, Shelf

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from emulator.core.version_key import VersionKey

_IMAGE = re.compile("([0-9a-f]{64})")
_PART, _START = ".part-", ".start-"
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
        shelves = (Shelf(folder, _IMAGE),)
        self._kept = KeptPackages(folder / VERSIONS, shelves, _name, mounted=mounted, patient=False)

    def of(self, package: str) -> Path:
        """Returns the folder of an image's files, there or not."""
        return self.folder / _name(package)

    async def take_in(self, package: str, copy: Callable[[Path], Awaitable[None]]) -> None:
        """Has an image's files copied, unless they are there.

        Raises:
            OSError: they cannot be written; as whatever `copy` raises, nothing is left of them.
        """
        files = self.of(package)
        self._kept.asked(package)
        if files.is_dir():
            return
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        made = self._part()
        try:
            await copy(made)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            self._kept.unasked(package)
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
        self._kept.put(key, package)

    def forget(self, key: VersionKey) -> None:
        """Takes that a version is no more."""
        self._kept.forget(key)

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        """Takes which versions there are, ready or not."""
        self._kept.keep_only(keys)

    def seen(self, package: str) -> None:
        """Takes that a sandbox is going to see an image's files."""
        self._kept.hold(package)

    def unseen(self, package: str) -> None:
        """Takes that a sandbox that saw an image's files is gone."""
        self._kept.release(package)

    async def sweep(self) -> None:
        """Removes what an emulator that was killed has left half made; before anything is made.

        Programs of sandboxes that some process still sees stay, until the next start.
        """
        if not self.folder.is_dir():
            return
        seen = [f"{path}/" for path in await asyncio.to_thread(self._mounted)]
        left = [path for name in (_PART, _START, GONE) for path in self.folder.glob(f"{name}*")]
        unseen = [one for one in left if not any(f"/{one.name}/" in path for path in seen)]
        await asyncio.to_thread(_remove, unseen)

    async def close(self) -> None:
        """Waits for the end of what is being pruned."""
        await self._kept.settled()


def _name(package: str) -> str:
    return package.removeprefix("sha256:")


def _remove(folders: Collection[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
