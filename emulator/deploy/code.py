"""Zips folders of functions and layers, so that the same files always make the same bytes.

Lambda tells by the digest of a package whether code has changed (CodeSha256).
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEFT_OUT = frozenset({"__pycache__", ".git", ".aws-sam"})
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""Time of every file in a package, the first that a zip can hold."""
_FILE = 0o100000
_EXECUTABLE, _PLAIN = 0o755, 0o644


def zipped(folder: str) -> bytes:
    """Returns a folder's files as a zip.

    Raises:
        BuildError: a file cannot be read.
    """
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in _files(Path(folder)):
                entry = zipfile.ZipInfo(name, _LONG_AGO)
                mode = _EXECUTABLE if os.access(path, os.X_OK) else _PLAIN
                entry.external_attr = (_FILE | mode) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    except OSError as error:
        raise BuildError(f"{folder} cannot be packed: {error}") from error
    return packed.getvalue()


def digest(package: bytes) -> str:
    """Returns a package's digest as CodeSha256 has it."""
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if path.is_file() and not _LEFT_OUT.intersection(below.parts):
            yield below.as_posix(), path
