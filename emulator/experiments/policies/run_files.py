"""Writes what came of policies into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Writes files by their names into a folder, which is made where it is missing.

    Raises:
        RunDirectoryError: the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (folder / name).write_bytes(data)
    except OSError as error:
        raise RunDirectoryError(f"{error.filename} cannot be written: {error.strerror}.") from error
