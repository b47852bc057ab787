"""Writes what came of policies into a folder, the figures of a chart beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import RunDirectoryError
from emulator.experiments.policies import charts
from emulator.experiments.policies.tables import as_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emulator.experiments.policies.tables import Row

Files = dict[str, str | bytes]
"""Contents of files, by their names."""


def cost_files(rows: Sequence[Row]) -> Files:
    """Returns the chart of what each policy costs, and its figures."""
    return {
        "costs.png": charts.costs(rows),
        "costs.csv": as_csv(("policy", "dollars"), [(row.policy, row.dollars) for row in rows]),
    }


def pareto_files(rows: Sequence[Row]) -> Files:
    """Returns the chart of waste against cold starts, and its figures."""
    return {
        "pareto.png": charts.pareto(rows),
        "pareto.csv": as_csv(
            ("policy", "wasted", "cold_75", "on_front"),
            [(row.policy, row.wasted, row.cold_75, row.best) for row in rows],
        ),
    }


def write_files(folder: Path, files: Files) -> None:
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
