"""Makes folders that are built once and then only read, by several emulators at a time.

A folder is built under a name of its own beside its place and renamed when it is whole, so readers
never see a part, and the remains of a killed builder are swept away by the next. What is built is
the caller's matter.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PREFIX = ".building-"


@asynccontextmanager
async def built(target: Path) -> AsyncIterator[Path]:
    """Yields a folder to build in, which becomes `target` when the block ends well.

    Where another builder was first, the other's folder stays and this builder's is thrown away.
    """
    folder, lock = await asyncio.to_thread(_begin, target.parent)
    try:
        yield folder
        with suppress(FileExistsError, OSError):  # ENOTEMPTY: the other one is as good
            folder.rename(target)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
        os.close(lock)


def sweep(parent: Path) -> None:
    """Removes what killed builders left below `parent`; living builders lock their folders."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _begin(parent: Path) -> tuple[Path, int]:
    """Makes a folder to build in; returns it with the descriptor that holds its lock."""
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        folder.chmod(0o755)
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else it was swept before it was locked
            return folder, lock
        os.close(lock)
