"""Copies an image's files out of an engine, and says which a sandbox reads from a mount instead.

What a container binds over its own root has the page cache of what is bound: with the image's
folders bound from a mount, all that the runtime and the function read comes from there, down to
libc. Not so for /etc, in which the engine has files of its own, and for the folders that are never
an image's: /dev, /proc, /sys, /run, /tmp.
"""

from __future__ import annotations

import asyncio
import tarfile
import tempfile
from typing import TYPE_CHECKING, Any

from emulator.live.backends.docker.containers import create_container, remove_container

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from emulator.live.backends.docker.client import DockerEngine

_NOT_THE_IMAGES = frozenset({"dev", "etc", "proc", "run", "sys", "tmp"})
_INIT = "docker-init"
"""The file in /sbin at which the engine mounts its init (moby, daemon/oci_linux.go): what is bound
over /sbin is read-only, and so must have the file already."""


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
    programs = folder / "sbin"
    if programs.is_symlink():
        programs = folder / str(programs.readlink()).lstrip("/")
    if programs.is_dir():
        (programs / _INIT).touch(mode=0o755)


def _top(name: str) -> str:
    return name.removeprefix("./").partition("/")[0]


def bound_folders(mount: Path) -> list[dict[str, Any]]:
    """Returns the Engine API's `Mounts` that show a sandbox the root folders of a mount."""
    return [
        {
            "Type": "bind",
            "Source": str(folder),
            "Target": f"/{folder.name}",
            "ReadOnly": True,
            "BindOptions": {"Propagation": "rprivate"},
        }
        for folder in _full(mount)
    ]


def _full(mount: Path) -> Iterator[Path]:
    for folder in sorted(mount.iterdir()):
        real = folder.is_dir() and not folder.is_symlink()
        if real and folder.name != "lost+found" and any(folder.iterdir()):
            yield folder
