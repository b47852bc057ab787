"""Reads the folders of a template's functions as if they were zips. Everything here blocks."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.core.function_configuration import PackageType
from emulator.live.backends.package import digest, files_below, size_of, zip_content

if TYPE_CHECKING:
    from emulator.core.function_configuration import FunctionConfiguration

_UNIX = 3
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The same files give the same zip, whenever they were written."""


def identity(template: FunctionConfiguration) -> tuple[str, int]:
    """Returns what stands for CodeSha256 and CodeSize of a template's function.

    Both are those of its files, since no zip is made: a digest in base64, and bytes. An image
    function has the digest of its Dockerfile in hexadecimal digits, and no size.

    Raises:
        BuildError: a folder is missing.
        OSError: a file cannot be read.
    """
    if template.package_type is PackageType.IMAGE:
        text = Path(template.image.dockerfile).read_bytes() if template.image else b""
        return hashlib.sha256(text + template.image_uri.encode()).hexdigest(), 0
    content = zip_content(template)
    own = {name: path for name, path in content.items() if name.startswith("task/")}
    files = hashlib.sha256(digest(content).encode()).digest()
    return base64.b64encode(files).decode(), size_of(own)


def zipped(folder: Path) -> bytes:
    """Returns a zip of a folder's files, links followed.

    Raises:
        BuildError: the folder is missing, or holds what no package can hold.
        OSError: a file cannot be read.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files_below(folder):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = (0o100755 if os.access(path, os.X_OK) else 0o100644) << 16
            archive.writestr(entry, path.read_bytes())
    return out.getvalue()
