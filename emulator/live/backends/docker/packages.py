"""Makes the images from which sandboxes start, and keeps what must be known of each.

Owns the facts of images that were deployed. Neither sandboxes nor network slots are known here.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from emulator.core.function_configuration import FunctionConfiguration
from emulator.errors import BackendUnavailableError, BuildError
from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.containers import KIND_LABEL
from emulator.live.backends.docker.image_facts import ImageFacts, find_image_facts
from emulator.live.backends.docker.images import DockerImages
from emulator.live.backends.docker.known_facts import KnownFacts
from emulator.live.backends.docker.root_folders import copy_root
from emulator.live.backends.kept_packages import VERSIONS, KeptPackages, Shelf
from emulator.live.backends.page_cache import image_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.interface import Progress
    from emulator.live.backends.page_cache import PrivatePages

log = logging.getLogger(__name__)

_IMAGE_FILE = re.compile(r"(sha256-[0-9a-f]{64})\.ext4")
_IN_REACH = (
    "Nothing in the image of {} starts a program as another user (setpriv or GNU's chroot), so a "
    "function there has its supervisor's user: it can end its sandbox, or pretend to have ended."
)


class DockerPackages:
    """Makes images of functions on one engine.

    Containers that look into an image bear `labels`. `in_reach` is called with a sentence where an
    image lets a function reach its supervisor. What is found out is kept in the file `facts`.
    """

    def __init__(
        self,
        engine: DockerEngine,
        registry: str,
        labels: Mapping[str, str],
        *,
        private: PrivatePages | None,
        facts: Path | None,
        in_reach: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._images = DockerImages(engine, registry)
        self._labels = {**labels, KIND_LABEL: "look"}
        self._private = private
        self.kept: KeptPackages | None = None
        """Which images for page caches stay, where each sandbox has one of its own."""
        if private is not None:
            shelves = (Shelf(private.images, _IMAGE_FILE),)
            self.kept = KeptPackages(private.images / VERSIONS, shelves, image_name)
        self._facts_file = facts
        self._in_reach = in_reach
        self._known = KnownFacts(None)
        self._facts: dict[str, ImageFacts] = {}
        """The facts of each image that was deployed."""

    def open(self, engine: str) -> None:
        """Takes up what is known of images on the engine of this description."""
        self._known = KnownFacts(self._facts_file, engine)

    async def check(self, functions: Iterable[FunctionConfiguration], progress: Progress) -> None:
        """Makes sure that the engine has, or can pull, the base images of these functions.

        Raises:
            BackendUnavailableError: one sentence that says what is missing.
        """
        needed: dict[str, None] = {}
        for function in functions:
            with suppress(BuildError):  # a fault of the function's, to be said at its deployment
                needed |= dict.fromkeys(self._images.needed(function))
        for image in needed:
            try:
                await self._images.ensure(image, progress)
            except EngineError as error:
                why = " ".join(str(error).split()).rstrip(".")
                raise BackendUnavailableError(
                    f"The Docker engine answers, but its base image {image} is neither there nor "
                    f"can be pulled ({why}). A checkout's docker/standin.sh {image} makes a "
                    "stand-in; --backend process needs no image."
                ) from error

    async def make(self, configuration: FunctionConfiguration, progress: Progress) -> str:
        """Makes or finds a function's image, and looks into an image that is new.

        Raises:
            BuildError: the image cannot be made or looked into.
        """
        image = await self._images.make(configuration, progress)
        if image not in self._facts:
            try:
                self._facts[image] = self._known.get(image) or await self._looked_at(image)
            except EngineError as error:
                raise BuildError(f"{configuration.name}: {error}") from error
            self._look_for_a_switch(configuration.name, self._facts[image])
        if self._private is not None and self.kept is not None:
            self.kept.asked(image)
            try:
                await self._make_private(self._private, image)
            except BaseException:
                self.kept.unasked(image)
                raise
        return image

    async def base(self, runtime: str, progress: Progress) -> tuple[str, ImageFacts]:
        """Returns the id of a runtime's own image, and what is known of that.

        Raises:
            EngineError: the image is neither there nor can be pulled.
        """
        (named,) = self._images.needed(FunctionConfiguration("", runtime, ""))
        image = await self._images.ensure(named, progress)
        return image, self._known.get(image) or await self._looked_at(image)

    def facts(self, image: str) -> ImageFacts:
        """Returns what is known of an image; nothing of one that was not deployed."""
        return self._facts.get(image, ImageFacts())

    async def _looked_at(self, image: str) -> ImageFacts:
        facts = await find_image_facts(self._engine, image, self._labels)
        self._known.add(image, facts)
        return facts

    async def _make_private(self, private: PrivatePages, image: str) -> None:
        async def fill(folder: Path) -> Path:
            try:
                await copy_root(self._engine, image, self._labels, folder)
            except EngineError as error:
                raise BuildError(f"The files of {image} cannot be had: {error}") from error
            return folder

        await private.image(image, fill)

    def _look_for_a_switch(self, function: str, image: ImageFacts) -> None:
        if image.shell and not image.switch:
            sentence = _IN_REACH.format(function)
            self._in_reach(sentence)
            log.warning("Not as on Lambda: %s", sentence)
