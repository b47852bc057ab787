"""Writes the sample project from which a new user starts: `testbed init`."""

from pathlib import Path
from typing import Annotated

import typer

from emulator.errors import SettingsError
from emulator.project import (
    SIMULATED_STUDY,
    SMALL_STUDY,
    TEMPLATE,
    ProjectExistsError,
    write_project,
)

_MOST_NAMED = 3


def init(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Folder to write into; made where it is missing."),
    ] = Path(),
) -> None:
    """Write a small project to start from.

    It has a template, its functions, plans to measure and to simulate, and their loads.
    Nothing that exists is overwritten.
    """
    try:
        written = write_project(folder)
    except ProjectExistsError as error:
        named = ", ".join(map(str, error.paths[:_MOST_NAMED]))
        more = len(error.paths) - _MOST_NAMED
        named += f" and {more} more" * (more > 0)
        raise SettingsError(
            f"Nothing was written, since these exist: {named}. Name another folder."
        ) from None
    print(f"Wrote {len(written)} files. Next:\n")
    if folder != Path():
        print(f"  cd {folder}")
    print(
        f"  testbed up                               serve {TEMPLATE}\n"
        "  testbed invoke echo --payload '{\"a\": 1}'   ask a function, in a second terminal\n"
        f"  testbed demo                             run {SMALL_STUDY} and make its report\n"
        f"  testbed simulate {SIMULATED_STUDY}    predict the study of 2018, without running it"
    )
