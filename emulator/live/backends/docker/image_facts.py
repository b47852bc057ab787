"""Finds what a sandbox must know of its image before its start: command, shell, extensions.

The engine tells the command; the rest is found out with a container that runs for a moment, once
for each image that is deployed.
"""

from __future__ import annotations

import importlib.resources
import stat
import tarfile
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.containers import (
    create_container,
    remove_container,
    start_container,
)
from emulator.live.backends.docker.user_switch import CAPABILITIES, OWNER, PREFIXES
from emulator.live.backends.supervisor import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.backends.docker.client import DockerEngine

_SHELL = "/bin/sh"
_PROBE = importlib.resources.files(__package__).joinpath("user_switch.sh").read_text()
_FIRST_PREFIX = 64
"""The exit code of the probe that stands for the first prefix."""
PROBED = f"{_PROBE} {PREFIXES} {CAPABILITIES} {OWNER} {EXTENSIONS}"
"""All that an image is asked for: facts that were found by other questions say nothing."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Describes one image; an image that nobody looked at has no shell."""

    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    """Variables that the image sets."""
    shell: bool = False
    """Whether the image has a shell, for the supervisor."""
    switch: tuple[str, ...] = ()
    """Words that start a command as the function's user; none where the image has no program
    for that, and the supervisor must be the function's user itself."""
    extensions: tuple[str, ...] = ()
    """Executables of /opt/extensions; none without a shell, since nothing would run them."""

    def words(self, configuration: FunctionConfiguration) -> list[str]:
        """Returns what starts the runtime: entry point and arguments, as Docker joins them."""
        entry_point = configuration.image_entry_point or self.entry_point
        if configuration.handler:
            return [*entry_point, configuration.handler]
        if configuration.image_command:
            return [*entry_point, *configuration.image_command]
        # an entry point that is overridden takes the image's arguments with it
        return [*entry_point, *(() if configuration.image_entry_point else self.command)]


async def find_image_facts(
    engine: DockerEngine, image: str, labels: Mapping[str, str]
) -> ImageFacts:
    """Returns the facts of an image that the engine has; `labels` go on the probing container.

    Raises:
        EngineError
    """
    config = (await engine.call(f"GET /images/{image}/json"))["Config"] or {}
    entry_point, command = (tuple(config.get(key) or ()) for key in ("Entrypoint", "Cmd"))
    pairs = [pair.partition("=") for pair in config.get("Env") or ()]
    container = await create_container(engine, _probe(image, labels))
    try:
        code = await _exit_code(engine, container)
        shell = code is not None
        extensions = await _extensions(engine, container) if shell else ()
    finally:
        await remove_container(engine, container)
    at = (code or 0) - _FIRST_PREFIX
    return ImageFacts(
        entry_point,
        command,
        tuple((name, value) for name, _, value in pairs),
        shell,
        PREFIXES[at] if 0 <= at < len(PREFIXES) else (),
        extensions,
    )


def _probe(image: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "Image": image,
        "Entrypoint": [_SHELL, "-c", _PROBE, "testbed-probe"],
        "Cmd": [" ".join(prefix) for prefix in PREFIXES],
        "Env": [f"owner={OWNER}"],
        "User": "0:0",
        "Labels": dict(labels),
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": "none",
            "CapDrop": ["ALL"],
            "CapAdd": list(CAPABILITIES),
            "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": True,
            "LogConfig": {"Type": "none"},
        },
    }


async def _exit_code(engine: DockerEngine, container: str) -> int | None:
    """Runs a container to its end; None where its first program is not there."""
    try:
        await start_container(engine, container)
    except EngineError as error:
        if error.status:
            return None
        raise
    return int((await engine.call(f"POST /containers/{container}/wait"))["StatusCode"])


async def _extensions(engine: DockerEngine, container: str) -> tuple[str, ...]:
    with tempfile.TemporaryFile() as file:

        def write(piece: bytes) -> None:
            file.write(piece)

        try:
            exchange = await engine.exchange(
                f"GET /containers/{container}/archive", {"path": EXTENSIONS}, write
            )
        except EngineError as error:
            if error.missing:
                return ()
            raise
        await exchange.ended
        exchange.close()
        file.seek(0)
        return tuple(sorted(_executables(file)))


def _executables(file: IO[bytes]) -> Iterator[str]:
    with tarfile.open(fileobj=file) as archive:
        for entry in archive:
            folder, _, name = entry.name.partition("/")
            runs = entry.issym() or (entry.isfile() and entry.mode & stat.S_IXUSR)
            if folder and name and "/" not in name and runs:
                yield name
