"""What a sandbox must know of its image before it starts: its command, its shell, its extensions.

The engine tells the command; for files it is asked with a container that is never started.
"""

from __future__ import annotations

import stat
import tarfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from docker.errors import NotFound

from emulator.live.backends.supervisor import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.backends.docker.client import DockerEngine

_SHELL = "/bin/sh"
_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class ImageFacts:
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    shell: bool = False
    """Whether it has one, for the supervisor."""
    extensions: tuple[str, ...] = ()
    """Executables of /opt/extensions; none without a shell, since nothing would run them."""

    def words(self, configuration: FunctionConfiguration) -> list[str]:
        """What starts the runtime: the entry point and its arguments, as Docker joins them."""
        entry_point = configuration.image_entry_point or self.entry_point
        if configuration.handler:
            return [*entry_point, configuration.handler]
        if configuration.image_command:
            return [*entry_point, *configuration.image_command]
        # an entry point that is overridden takes the image's arguments with it
        return [*entry_point, *(() if configuration.image_entry_point else self.command)]


async def look(engine: DockerEngine, image: str, labels: Mapping[str, str]) -> ImageFacts:
    """
    Raises:
        EngineError
    """
    return await engine.call(lambda api: _look(api, image, labels))


def _look(api: Any, image: str, labels: Mapping[str, str]) -> ImageFacts:
    config = api.inspect_image(image)["Config"] or {}
    body = {"Image": image, "Entrypoint": [_SHELL], "Labels": dict(labels)}
    container = api.create_container_from_config(body)["Id"]
    try:
        shell = _has(api, container, _SHELL)
        extensions = tuple(sorted(_executables(api, container))) if shell else ()
    finally:
        api.remove_container(container, v=True, force=True)
    entry_point, command = (tuple(config.get(key) or ()) for key in ("Entrypoint", "Cmd"))
    return ImageFacts(entry_point, command, shell, extensions)


def _has(api: Any, container: str, path: str) -> bool:
    try:
        pieces, _ = api.get_archive(container, path)
    except NotFound:
        return False
    pieces.close()
    return True


def _executables(api: Any, container: str) -> Iterator[str]:
    try:
        pieces, _ = api.get_archive(container, EXTENSIONS, chunk_size=_SIZE)
    except NotFound:
        return
    with tarfile.open(fileobj=cast("IO[bytes]", _Pieces(pieces)), mode="r|") as archive:
        for entry in archive:
            folder, _, name = entry.name.partition("/")
            runs = entry.issym() or (entry.isfile() and entry.mode & stat.S_IXUSR)
            if folder and name and "/" not in name and runs:
                yield name


class _Pieces:
    """As much of a file as `tarfile` reads from a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        found, self._rest = self._rest[:size], self._rest[size:]
        return found
