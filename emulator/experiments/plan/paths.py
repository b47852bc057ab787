"""Looks at the files that a plan names: whether they are there, and what a trace holds.

Each function raises ValueError with what is wrong, as a plan's validators do.
"""

from __future__ import annotations

import csv
import math
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def existing_file(folder: Path, name: str) -> Path:
    """Returns the full path of a file that this process may read.

    Raises:
        ValueError: there is no such file, or it cannot be read.
    """
    path = folder / name
    try:
        there = path.is_file()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise ValueError(f"{path} cannot be looked at: {error.strerror}") from error
    if not there:
        raise ValueError(f"there is no file {path}")
    return _readable(path, os.R_OK)


def existing_folder(folder: Path, name: str) -> Path:
    """Returns the full path of a folder that this process may list.

    Raises:
        ValueError: there is no such folder, or it cannot be listed.
    """
    path = folder / name
    try:
        there = path.is_dir()
    except OSError as error:
        raise ValueError(f"{path} cannot be looked at: {error.strerror}") from error
    if not there:
        raise ValueError(f"there is no folder {path}")
    return _readable(path, os.R_OK | os.X_OK)


def _readable(path: Path, mode: int) -> Path:
    if not os.access(path, mode):
        raise ValueError(f"{path} cannot be read by this user")
    return path.resolve()


def last_arrival(trace: Path) -> float:
    """Returns the last time of a CSV file with a column `at`: seconds since its beginning, rising.

    Raises:
        ValueError: the file cannot be read or is no trace.
    """
    last = 0.0
    try:
        with trace.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if "at" not in (rows.fieldnames or ()):
                raise ValueError("has no column `at`")  # noqa: TRY301  # told as the others are
            for row in rows:
                at = float(row["at"])
                if not math.isfinite(at) or at < last:
                    raise ValueError(f"line {rows.line_num}: times must be numbers that rise")  # noqa: TRY301
                last = at
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise ValueError(f"{trace.name} {error}") from error
    return last
