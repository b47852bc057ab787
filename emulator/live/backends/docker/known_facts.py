"""Keeps the facts of images in a file, so that an emulator that starts again need not look anew.

To look at an image takes a container that runs for a moment, a third of a second of two CPUs. An
image's id is the digest of all that is in it, so that its facts change with the engine alone.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from emulator.live.backends.docker.image_facts import PROBED, ImageFacts

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_MOST = 1000
"""Images that are kept, the latest ones: each deployment of changed code makes another."""


class KnownFacts:
    """Knows images of one engine by their ids; without a `file` only as long as it lives."""

    def __init__(self, file: Path | None, engine: str = "") -> None:
        """Takes what tells engines apart whose containers may differ (`engine`)."""
        self._file = file
        self._mark = hashlib.sha256(f"{engine} {PROBED}".encode()).hexdigest()[:16]
        self._facts: dict[str, ImageFacts] = {}
        if file is not None:
            # what cannot be read is found out anew
            with suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
                kept = msgspec.json.decode(file.read_bytes(), type=dict[str, dict[str, ImageFacts]])
                self._facts = kept.get(self._mark, {})

    def get(self, image: str) -> ImageFacts | None:
        """Returns an image's facts; None where nobody has looked yet."""
        return self._facts.get(image)

    def add(self, image: str, facts: ImageFacts) -> None:
        """Keeps an image's facts; a file that cannot be written is no fault of the deployment's."""
        self._facts[image] = facts
        latest = list(self._facts)[-_MOST:]
        self._facts = {name: self._facts[name] for name in latest}
        if self._file is None:
            return
        fresh = self._file.with_name(f"{self._file.name}.new")
        try:
            fresh.write_bytes(msgspec.json.encode({self._mark: self._facts}))
            fresh.replace(self._file)
        except OSError as error:
            log.warning("The facts of images are not kept: %s", error)
