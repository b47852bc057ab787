"""Makes a function's package for the process backend: a read-only folder for each content.

`<state>/packages/<digest>` holds `task` (/var/task), `opt` (/opt), `package.json` and the names of
the sets of requirements that are linked into it, each a folder of `<state>/requirements`. This
module starts no sandbox.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.core.function_configuration import PackageType
from emulator.errors import BuildError
from emulator.live.backends.kept_packages import GONE, VERSIONS, KeptPackages, Shelf
from emulator.live.backends.package import (
    check_size,
    copy,
    digest,
    requirements,
    size_of,
    zip_content,
)
from emulator.live.backends.page_cache import image_name
from emulator.live.backends.process import dockerfile
from emulator.live.backends.process.atomic_folder import built, sweep
from emulator.live.backends.process.requirements import (
    Installer,
    compile_folder,
    installed_size,
    interpreter,
    link_tree,
    self_contained,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.backends.interface import Progress
    from emulator.live.backends.process.dockerfile import Recipe

TASK_ROOT = dockerfile.TASK_ROOT
_FORMAT = "1"
"""A part of every digest; raise it when the folders are made in another way."""
_PACKAGE, _PACKAGE_IMAGE = re.compile("([0-9a-f]{32})"), re.compile(r"([0-9a-f]{32})\.ext4")
_SET = re.compile("[0-9a-f]{32}")
_REQUIREMENTS = "requirements.json"
"""The file of a package that names its sets of requirements."""
_FILE_OPTIONS = frozenset({"-r", "--requirement", "-c", "--constraint"})


@dataclass(frozen=True, slots=True)
class Package:
    """Holds what a sandbox starts from besides its files."""

    handler: str = ""
    """The handler of an image function; a zip function's is in its configuration."""
    workdir: str = TASK_ROOT
    """The working directory, in /var/task."""
    environment: Mapping[str, str] = field(default_factory=dict)


class Packages:
    """Makes packages and finds them again, in the folder `state`."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "packages"
        self._requirements = state / "requirements"
        self._installer = Installer(self._requirements)
        self._read: dict[str, Package] = {}
        # an image for a page cache of its own is made of a package, and goes with that
        shelves = Shelf(self._folder, _PACKAGE), Shelf(state / "images", _PACKAGE_IMAGE)
        self.kept = KeptPackages(
            self._folder / VERSIONS, shelves, image_name, beside=self._unneeded_requirements
        )
        """Which packages stay; those that `make` has returned are asked for, until `put`."""

    def sweep(self) -> None:
        """Removes what killed builds left."""
        sweep(self._folder)
        sweep(self._requirements)

    def _unneeded_requirements(self) -> list[Path]:
        """Returns the sets of requirements that no package names, and what was half removed.

        None is while a package stands that an earlier release has made, as that names none.
        """
        sets = list(self._requirements.iterdir()) if self._requirements.is_dir() else []
        packages = [path for _, path in Shelf(self._folder, _PACKAGE).entries()] if sets else []
        needed: set[str] = set()
        for package in packages:
            try:
                needed.update(json.loads((package / _REQUIREMENTS).read_text()))
            except (OSError, ValueError):
                return [path for path in sets if path.name.startswith(GONE)]
        return [
            path
            for path in sets
            if path.name.startswith(GONE) or (_SET.fullmatch(path.name) and path.name not in needed)
        ]

    async def make(self, configuration: FunctionConfiguration, say: Progress) -> str:
        """Makes the package, unless it is there, and returns its folder.

        Raises:
            BuildError: The package cannot be made without an engine, or cannot be written.
        """
        try:
            return await self._make(configuration, say)
        except OSError as error:
            raise BuildError(
                f"{configuration.name}: its package cannot be written to {self._folder}: {error}"
            ) from error

    async def _make(self, configuration: FunctionConfiguration, say: Progress) -> str:
        if configuration.package_type is PackageType.ZIP:
            return await self._make_zip(configuration, say)
        if configuration.image is None or configuration.image_uri:
            raise BuildError(
                f"{configuration.name}: the image {configuration.image_uri} needs a Docker engine "
                "(--backend docker); without one an image is built from its Dockerfile alone"
            )
        return await self._make_image(configuration, say)

    def read(self, folder: str) -> Package:
        """Returns the description of a package that was made.

        Raises:
            OSError: There is no such package.
        """
        if folder not in self._read:
            self._read[folder] = Package(**json.loads((Path(folder) / "package.json").read_text()))
        return self._read[folder]

    async def _make_zip(self, configuration: FunctionConfiguration, say: Progress) -> str:
        name = configuration.name
        _check_runtime(configuration, say)
        content = await asyncio.to_thread(zip_content, configuration)
        check_size(name, await asyncio.to_thread(size_of, content))
        key = await asyncio.to_thread(digest, content, _FORMAT, interpreter())
        pip = (("-r", "requirements.txt"),) if requirements(content) else ()
        plan = _Plan(name, key, content, pip, Package(), limited=True)
        return str(await self._build(plan, say))

    async def _make_image(self, configuration: FunctionConfiguration, say: Progress) -> str:
        name, image = configuration.name, configuration.image
        assert image is not None
        files = Path(image.dockerfile), Path(image.context)
        recipe = await asyncio.to_thread(dockerfile.read, *files)
        package = Package(_handler(configuration, recipe), recipe.workdir, recipe.environment)
        salt = (_FORMAT, interpreter(), repr(recipe.pip), repr(package))
        key = await asyncio.to_thread(digest, recipe.content, *salt)
        say(f"{name}: no engine builds its image, so its Dockerfile is carried out here")
        plan = _Plan(name, key, recipe.content, recipe.pip, package, limited=False)
        return str(await self._build(plan, say))

    async def _build(self, plan: _Plan, say: Progress) -> Path:
        target = self._folder / plan.key
        self.kept.asked(str(target))
        try:
            if not await asyncio.to_thread(target.is_dir):
                await self._build_new(plan, target, say)
        except BaseException:
            self.kept.unasked(str(target))
            raise
        return target

    async def _build_new(self, plan: _Plan, target: Path, say: Progress) -> None:
        sites = []
        async with built(target) as folder:
            await asyncio.to_thread(copy, plan.content, folder)
            workdir = folder / plan.package.workdir.replace(TASK_ROOT, "task", 1)
            await asyncio.to_thread(workdir.mkdir, parents=True, exist_ok=True)
            await compile_folder(folder / "task")
            for arguments in plan.pip:
                located = [word.replace(TASK_ROOT, str(folder / "task")) for word in arguments]
                site = await self._install(plan, located, workdir, say)
                await asyncio.to_thread(link_tree, site, folder / "task")
                sites.append(site.parent.name)
            description = json.dumps(asdict(plan.package))
            await asyncio.to_thread((folder / "package.json").write_text, description)
            await asyncio.to_thread((folder / _REQUIREMENTS).write_text, json.dumps(sites))

    async def _install(
        self, plan: _Plan, arguments: Sequence[str], workdir: Path, say: Progress
    ) -> Path:
        said = await asyncio.to_thread(_requirements_text, arguments, workdir)
        salt = said if all(map(self_contained, said)) else [*said, plan.key]
        site = await self._installer.install(plan.name, arguments, workdir, salt, say)
        if plan.limited:
            size = await asyncio.to_thread(size_of, plan.content)
            check_size(plan.name, size + await asyncio.to_thread(installed_size, site))
        return site


def extensions(folder: str) -> tuple[str, ...]:
    """Returns the names of the executable files of a package's /opt/extensions, sorted."""
    found = Path(folder) / "opt/extensions"
    files = sorted(found.iterdir()) if found.is_dir() else []
    return tuple(path.name for path in files if path.is_file() and os.access(path, os.X_OK))


@dataclass(frozen=True, slots=True)
class _Plan:
    """Says what a package is to hold."""

    name: str
    """The function's name, for messages."""
    key: str
    """The digest of all that decides what the folder will hold."""
    content: Mapping[str, Path]
    pip: Sequence[Sequence[str]]
    """Arguments of each `pip install`, run in the package's working directory."""
    package: Package
    limited: bool
    """Whether Lambda's limit on the size of zip packages holds."""


def _requirements_text(arguments: Sequence[str], workdir: Path) -> list[str]:
    """Returns the text of each `-r` and `-c` file, which decides what pip installs.

    Raises:
        BuildError: A file cannot be read.
    """
    names = [value for option, value in pairwise(arguments) if option in _FILE_OPTIONS]
    for argument in arguments:
        option, equals, value = argument.partition("=")
        names += [value] if equals and option in _FILE_OPTIONS else []
    try:
        return [(workdir / name).read_text() for name in names]
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"A requirements file cannot be read: {error}") from error


def _check_runtime(configuration: FunctionConfiguration, say: Progress) -> None:
    """Raises BuildError for what is not Python; tells of another version than this host's."""
    ours = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not configuration.runtime.startswith("python3."):
        raise BuildError(
            f"{configuration.name}: the runtime {configuration.runtime} needs a Docker engine; "
            "without one, only Python functions run"
        )
    if configuration.runtime != ours:
        say(f"{configuration.name}: names {configuration.runtime}, runs on this host's {ours}")


def _handler(configuration: FunctionConfiguration, recipe: Recipe) -> str:
    command = configuration.image_command or recipe.command
    if not command:
        raise BuildError(f"{configuration.name}: its Dockerfile has no CMD that names the handler")
    return command[0]
