"""Makes each function an image when it is deployed, so that a cold start copies nothing.

The image of a zip function is its runtime's with the requirements, the layers in /opt and the
code in /var/task; the tag is the digest of all that, so that a second deployment is instant. The
image of an image function is built from its Dockerfile as it stands, with the engine's own cache.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker import auth
from docker.api.build import process_dockerfile
from docker.utils.build import tar as context_of

from emulator.core.function_configuration import PackageType
from emulator.errors import BuildError
from emulator.live.backends.docker import build as recipe
from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.streams import JsonLines
from emulator.live.backends.package import check_size, digest, size_of, zip_content

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO

    from emulator.core.function_configuration import FunctionConfiguration, ImageSource
    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.interface import Progress

_TAIL = 20
_WIDTH = 120
_IDS = ("---> ", "Removing intermediate container ")
"""Lines of a build that say nothing to a person."""
_LAYER_TIMEOUT = 60.0
"""Seconds that a pull which has begun may stand still: a large layer is checked in silence."""
_LAST_STATES = frozenset({"Pull complete", "Already exists", "Download complete"})


class DockerImages:
    """Builds and pulls images; `registry` holds AWS's runtime images or a mirror of them.

    `build_timeout` is in seconds, and so is `pull_patience`, the wait for a pull to begin.
    """

    def __init__(
        self,
        engine: DockerEngine,
        registry: str = recipe.AWS_REGISTRY,
        *,
        build_timeout: float = 1800.0,
        pull_patience: float = 20.0,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._build_timeout = build_timeout
        self._pull_patience = pull_patience

    def needed(self, configuration: FunctionConfiguration) -> list[str]:
        """Returns the images that must be there before the function's own can be made."""
        if configuration.package_type is PackageType.ZIP:
            return [recipe.runtime_image(configuration.runtime, self._registry)]
        if configuration.image is not None:
            try:
                return recipe.images_named(Path(configuration.image.dockerfile).read_text())
            except OSError:
                return []  # what is missing is said when it is deployed
        return [configuration.image_uri]

    async def ensure(self, image: str, progress: Progress) -> str:
        """Returns the id of an image, pulled where the engine does not have it.

        Raises:
            EngineError: the image can be neither found nor pulled; the message says why.
        """
        found = await self._find(image)
        if not found:
            await self._pull(image, progress)
            found = await self._find(image)
        if not found:
            raise EngineError("the pull ended without the image")
        return found

    async def make(self, configuration: FunctionConfiguration, progress: Progress) -> str:
        """Returns the id of the function's image, built or pulled where it is not there.

        Raises:
            BuildError
        """
        try:
            for image in self.needed(configuration):
                await self._ensure_for(configuration.name, image, progress)
            async with asyncio.timeout(self._build_timeout):
                if configuration.package_type is PackageType.ZIP:
                    return await self._make_zip(configuration, progress)
                if configuration.image is not None:
                    return await self._make_image(configuration.name, configuration.image, progress)
                return await self.ensure(configuration.image_uri, progress)
        except TimeoutError:
            limit = f"{self._build_timeout:g} s"
            raise BuildError(
                f"{configuration.name}: the build took more than {limit}; what is built by then is "
                "kept, so that another start goes on from there"
            ) from None
        except EngineError as error:
            raise BuildError(f"{configuration.name}: {error}") from error

    async def _ensure_for(self, name: str, image: str, progress: Progress) -> None:
        try:
            await self.ensure(image, progress)
        except EngineError as error:
            why = f"the image {image} is neither there nor can be pulled ({error})"
            raise BuildError(f"{name}: {why}") from error

    async def _find(self, image: str) -> str | None:
        try:
            found = await self._engine.call(f"GET /images/{image}/json")
        except EngineError as error:
            if error.missing:
                return None
            raise
        return str(found["Id"])

    async def _make_zip(self, configuration: FunctionConfiguration, progress: Progress) -> str:
        name, runtime = configuration.name, configuration.runtime
        content = await asyncio.to_thread(zip_content, configuration)
        check_size(name, await asyncio.to_thread(size_of, content))
        base = recipe.runtime_image(runtime, self._registry)
        dockerfile = recipe.zip_dockerfile(name, base, runtime, content)
        base_id = await self.ensure(base, progress)
        tag = recipe.image_tag(name, await asyncio.to_thread(digest, content, dockerfile, base_id))
        found = await self._find(tag)
        if found is None:
            with tempfile.TemporaryFile() as context:
                await asyncio.to_thread(recipe.write_context, context, dockerfile, content)
                arguments = {n: os.environ[n] for n in recipe.PIP_SETTINGS if n in os.environ}
                query = {"t": tag, "buildargs": json.dumps(arguments)}
                await self._build(name, context, query, progress)
            found = await self._find(tag)
        if found is None:
            raise EngineError("the build ended without an image")
        return found

    async def _make_image(self, name: str, image: ImageSource, progress: Progress) -> str:
        try:
            context, dockerfile = await asyncio.to_thread(_image_context, image)
        except OSError as error:
            raise BuildError(f"{name}: {error}") from error
        with context:
            built = await self._build(name, context, {"dockerfile": dockerfile}, progress)
        found = await self._find(built)
        if found is None:
            raise EngineError("the build ended without an image")
        # an image without a name is swept away by `docker image prune`
        repository, tag = recipe.image_tag(name, found.removeprefix("sha256:")).split(":")
        await self._engine.call(f"POST /images/{found}/tag", {"repo": repository, "tag": tag})
        return found

    async def _build(
        self, name: str, context: IO[bytes], query: Mapping[str, str], progress: Progress
    ) -> str:
        """Builds an image from a context, a tar file, and returns the image's id."""
        log = _BuildLog(progress)
        context.seek(0)
        fixed = {"rm": "1", "forcerm": "1", "labels": json.dumps({recipe.FUNCTION_LABEL: name})}
        await self._follow(
            "POST /build",
            fixed | dict(query),
            log.line,
            headers={"Content-Type": "application/x-tar"},
            body=context,
        )
        if log.error:
            if too_large := next((t for t in log.tail if t.startswith(recipe.TOO_LARGE)), ""):
                raise BuildError(f"{name}: {too_large}")
            last = "\n".join(log.tail)
            raise BuildError(f"{name}: the image could not be built: {log.error}\n{last}")
        return log.image

    async def _pull(self, image: str, progress: Progress) -> None:
        repository, tag = recipe.split_tag(image)
        headers = await asyncio.to_thread(_credentials, repository)
        error = ""
        loop = asyncio.get_running_loop()

        def take(line: dict[str, Any]) -> None:
            nonlocal error
            error = line.get("error") or error
            patience.reschedule(loop.time() + _LAYER_TIMEOUT)
            if line.get("status") in _LAST_STATES:
                progress(f"{image}: {line.get('id', '')} {line['status'].lower()}")

        try:
            async with asyncio.timeout(self._pull_patience) as patience:
                query = {"fromImage": repository, "tag": tag}
                await self._follow("POST /images/create", query, take, headers=headers)
        except TimeoutError:
            raise EngineError(f"no progress in {self._pull_patience:g} s") from None
        if error:
            raise EngineError(error)

    async def _follow(
        self,
        request: str,
        query: Mapping[str, str],
        take: Callable[[dict[str, Any]], None],
        *,
        headers: Mapping[str, str],
        body: bytes | IO[bytes] = b"",
    ) -> None:
        """Hands over each line of an answer; the engine stops the work when this is cancelled."""
        lines = JsonLines()

        def feed(piece: bytes) -> None:
            for line in lines.feed(piece):
                take(line)

        exchange = await self._engine.exchange(
            request, query, feed, headers=headers, body=body, patience=None
        )
        try:
            await exchange.ended
        finally:
            exchange.close()


class _BuildLog:
    """Reads what the engine says of a build: lines for a person, the image's id, or the error."""

    def __init__(self, progress: Progress) -> None:
        self.image = ""
        self.error = "the engine hung up"
        self.tail: deque[str] = deque(maxlen=_TAIL)
        self._progress = progress
        self._rest = ""

    def line(self, message: Mapping[str, Any]) -> None:
        if "error" in message:
            self.error = str(message["error"])
        if identity := (message.get("aux") or {}).get("ID"):
            self.image, self.error = identity, ""
        *lines, self._rest = (self._rest + message.get("stream", "")).split("\n")
        for text in (line.strip() for line in lines):
            if text and not text.startswith(_IDS):
                self.tail.append(text)
                self._progress(text.partition("\\n")[0][:_WIDTH])  # a script's first line will do


def _image_context(image: ImageSource) -> tuple[IO[bytes], str]:
    """Returns a context without what .dockerignore names, and the name of its Dockerfile."""
    context = Path(image.context)
    ignore = context / ".dockerignore"
    lines = ignore.read_text().splitlines() if ignore.is_file() else []
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    dockerfile = process_dockerfile(image.dockerfile, str(context))
    file = tempfile.TemporaryFile()  # noqa: SIM115  # its reader closes it
    context_of(context, exclude=patterns, dockerfile=dockerfile, fileobj=file)
    return file, dockerfile[0] or "Dockerfile"


def _credentials(repository: str) -> dict[str, str]:
    registry, _ = auth.resolve_repository_name(repository)
    found = auth.resolve_authconfig(auth.load_config(), registry)
    return {"X-Registry-Auth": auth.encode_header(found).decode()} if found else {}
