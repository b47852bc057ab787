"""Reads and writes fit.json: how well the drawn times of a simulated study fit a measured run.

Owns the file alone; a study whose behaviours a person wrote has an empty one, or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from emulator.errors import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FIT = "fit.json"


@dataclass(frozen=True, slots=True)
class PhaseFit:
    """Holds how one phase of one cell was fitted, and how well."""

    cell: str
    phase: str
    source: str
    """Samples that the phase is drawn from, in words."""
    samples: int
    held_out: int
    """Number of samples that the errors were judged by; 0 where there were too few."""
    errors: tuple[float, ...] = ()
    """By what share each quantile of `PERCENTILES` came out too high."""


PERCENTILES = (10, 50, 90, 95, 99)
"""Percentiles at which a fit is judged."""
_FITS = TypeAdapter(list[PhaseFit])


def write_fits(folder: Path, fits: Sequence[PhaseFit]) -> None:
    """Writes the file of a new study.

    Raises:
        RunDirectoryError: the file cannot be written.
    """
    path = folder / FIT
    try:
        path.write_bytes(_FITS.dump_json(list(fits), indent=1) + b"\n")
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be written: {error.strerror}.") from error


def read_fits(folder: Path) -> tuple[PhaseFit, ...]:
    """Returns what the file of a study says; nothing where there is no file.

    Raises:
        RunDirectoryError: the file is damaged or cannot be read.
    """
    path = folder / FIT
    try:
        return tuple(_FITS.validate_json(path.read_bytes()))
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        raise RunDirectoryError(f"{path} cannot be read: {error}.") from error
