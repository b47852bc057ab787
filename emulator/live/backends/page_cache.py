"""Gives each sandbox a page cache of its own, as a microVM has, where its user asks for that.

A package becomes an image when it is deployed, and each sandbox reads the image by a mount of its
own (`host.image_mounts`). This module owns where images and mounts are, and that none is left;
what of a sandbox's files comes from its mount is its backend's matter.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import BuildError, SandboxStartError, SettingsError
from emulator.host.image_mounts import (
    make_image,
    mount_image,
    mounted_below,
    obstacle,
    unmount,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


_FILLING, _TRIAL = ".filling-", "trial-"


def image_name(package: str) -> str:
    """Returns the name, without its ending, of the file with a package's image."""
    return package.rpartition("/")[2].replace(":", "-")


def refusal(why: str) -> SettingsError:
    """Returns the error that says why page caches cannot be private here."""
    return SettingsError(f"--page-cache private cannot be had: {why}. Use --page-cache shared.")


def remove_orphans(state: Path) -> None:
    """Takes away what an earlier emulator of this state left: mounts, and halves of images."""
    mounts, images = (state / "mounts").resolve(), state / "images"
    if mounts.is_dir():
        for folder in {*mounted_below(mounts), *mounts.iterdir()}:
            unmount(folder)
    for folder in images.glob(f"{_FILLING}*"):
        shutil.rmtree(folder, ignore_errors=True)
    for part in (*images.glob("*.part"), *images.glob(f"{_TRIAL}*")):
        part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Mount:
    """Holds one sandbox's view of its package, from `PrivatePages.mount` to `release`."""

    folder: Path

    async def release(self) -> None:
        """Takes the mount away; never raises."""
        await asyncio.to_thread(unmount, self.folder)


class PrivatePages:
    """Makes images and mounts them, below the state directory."""

    def __init__(self, state: Path) -> None:
        self.images = state.resolve() / "images"
        self._mounts = state.resolve() / "mounts"
        self._making: dict[str, asyncio.Lock] = {}

    def open(self) -> None:
        """Makes the folders, and tries a mount.

        Raises:
            SettingsError: this machine or user cannot have private page caches; says why.
        """
        if why := obstacle():
            raise refusal(why)
        try:
            for folder in (self.images, self._mounts):
                folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            self._try()
        except OSError as error:
            raise refusal(str(error.strerror or error)) from error

    def _try(self) -> None:
        with tempfile.TemporaryDirectory(dir=self.images, prefix=_FILLING) as empty:
            trial = self.images / f"{_TRIAL}{os.getpid()}.ext4"
            at = self._mounts / f"{_TRIAL}{os.getpid()}"
            try:
                make_image(Path(empty), trial)
                at.mkdir(exist_ok=True)
                mount_image(trial, at)
            finally:
                unmount(at)
                trial.unlink(missing_ok=True)

    async def image(self, package: str, fill: Callable[[Path], Awaitable[Path]]) -> None:
        """Makes the image of a package, unless it is there.

        `fill` is given an empty folder, and returns the folder whose content the image is to have.

        Raises:
            BuildError: the image cannot be made.
        """
        image = self._image(package)
        async with self._making.setdefault(package, asyncio.Lock()):
            if await asyncio.to_thread(image.exists):
                return
            with tempfile.TemporaryDirectory(dir=self.images, prefix=_FILLING) as folder:
                try:
                    source = await fill(Path(folder))
                    await asyncio.to_thread(make_image, source, image)
                except OSError as error:
                    raise BuildError(f"The image {image} cannot be made: {error}") from error

    async def mount(self, package: str, name: str) -> Mount:
        """Mounts a package's image for the sandbox with this name.

        Raises:
            SandboxStartError: the kernel refuses.
        """
        mount = Mount(self._mounts / name)
        mounting = asyncio.create_task(asyncio.to_thread(self._mount, package, mount.folder))
        try:
            await asyncio.shield(mounting)
        except OSError as error:
            await mount.release()
            raise SandboxStartError(f"The package cannot be mounted: {error}") from error
        except asyncio.CancelledError:  # a thread cannot be cancelled
            await asyncio.wait([mounting])
            await mount.release()
            raise
        return mount

    def _mount(self, package: str, folder: Path) -> None:
        folder.mkdir()
        mount_image(self._image(package), folder)

    def _image(self, package: str) -> Path:
        return self.images / f"{image_name(package)}.ext4"
