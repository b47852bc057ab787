"""Tells which managed runtime a function runs on, an image function by its Dockerfile's base."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.live.backends.docker.build import images_named

if TYPE_CHECKING:
    from emulator.core.function_configuration import FunctionConfiguration

_BASE = re.compile(r"(?:\S*/)?(?:aws-lambda-|lambda/)([a-z]+):(\d+(?:\.\d+)?(?:\.al\d+)?)\S*")
_SUFFIXES = {"nodejs": ".x"}


def base_runtime(configuration: FunctionConfiguration) -> str:
    """Returns the runtime that a zip function names, or whose image by AWS an image starts from.

    Empty where neither tells. Source: "Base images for Lambda", developer guide.
    """
    if configuration.image is None:
        return configuration.runtime
    try:
        named = images_named(Path(configuration.image.dockerfile).read_text())
    except (OSError, UnicodeDecodeError):
        return ""  # the backend, which needs the file, has said so
    found = _BASE.fullmatch(named[-1]) if named else None
    if found is None:
        return ""
    language, version = found.groups()
    return f"{language}{version}{_SUFFIXES.get(language, '')}"
