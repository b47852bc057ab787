"""Copies an image's files out of an engine, and says which a sandbox reads from a mount instead.

What a container binds over its own root has the page cache of what is bound: with the image's
folders bound from a mount, all that the runtime and the function read comes from there, down to
libc. Not so for /etc and /sbin, in which the engine has files of its own, and for the folders that
are never an image's: /dev, /proc, /sys, /run, /tmp.
"""

from __future__ import annotations

import asyncio
import os
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.live.backends.docker.containers import create_container, remove_container

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.live.backends.docker.client import DockerEngine

_NOT_THE_IMAGES = frozenset({"dev", "etc", "proc", "run", "sys", "tmp"})
_LINKS = 8
"""Symbolic links that are followed on the way to a folder."""


async def copy_root(
    engine: DockerEngine, image: str, labels: Mapping[str, str], folder: Path
) -> None:
    """Writes the folders of an image's root to `folder`, with their owners; root only.

    Raises:
        EngineError: the engine refuses.
        OSError: the files cannot be written.
    """
    container = await create_container(
        engine, {"Image": image, "Entrypoint": ["-"], "Labels": dict(labels)}
    )
    try:
        with tempfile.TemporaryFile(dir=folder.parent) as file:

            def write(piece: bytes) -> None:
                file.write(piece)

            exchange = await engine.exchange(f"GET /containers/{container}/export", {}, write)
            await exchange.ended
            exchange.close()
            file.seek(0)
            await asyncio.to_thread(_extract, file, folder)
    finally:
        await remove_container(engine, container)


def _extract(file: Any, folder: Path) -> None:
    with tarfile.open(fileobj=file) as archive:
        members = (one for one in archive if _top(one.name) not in _NOT_THE_IMAGES)
        # nothing leaves the folder, and a microVM has no set-user-id either
        archive.extractall(folder, members, numeric_owner=True, filter="tar")


def _top(name: str) -> str:
    return name.removeprefix("./").partition("/")[0]


def bound_folders(mount: Path) -> list[dict[str, Any]]:
    """Returns the Engine API's `Mounts` that show a sandbox the root folders of a mount."""
    return [
        {
            "Type": "bind",
            "Source": str(folder),
            "Target": f"/{folder.relative_to(mount)}",
            "ReadOnly": True,
            "BindOptions": {"Propagation": "rprivate"},
        }
        for folder in _full(mount)
    ]


def _full(mount: Path) -> Iterator[Path]:
    """Yields the folders that hold something, but for /sbin, in which the engine mounts its init.

    What was bound over the init would hide it; so of the folder that has /sbin below itself, as
    /usr mostly has, the others below are bound each.
    """
    programs = mount / _followed(mount, Path("sbin"))
    for folder in _folders(mount):
        if programs.is_relative_to(folder):
            yield from (below for below in _folders(folder) if below != programs)
        else:
            yield folder


def _folders(path: Path) -> list[Path]:
    return [
        folder
        for folder in sorted(path.iterdir())
        if folder.is_dir()
        and not folder.is_symlink()
        and folder.name != "lost+found"
        and any(folder.iterdir())
    ]


def _followed(root: Path, path: Path) -> Path:
    """Returns the place, below `root`, that a path leads to where `root` is the root."""
    for _ in range(_LINKS):
        links = [part for part in (path, *path.parents) if (root / part).is_symlink()]
        if not links:
            break
        link = links[-1]
        target = os.path.normpath(Path("/", link.parent, (root / link).readlink()))
        path = Path(target.lstrip("/")) / path.relative_to(link)
    return path
