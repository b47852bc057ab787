"""Holds the options that several commands share, so that each has one name and one help text."""

import re
from pathlib import Path
from typing import Annotated

import typer

from emulator.cli.choices import (
    backends,
    checker,
    completer,
    price_tables,
    profiles,
    real_backends,
)
from emulator.errors import SettingsError, reason_of
from emulator.project import TEMPLATE

BACKENDS = "auto|docker|process"
REAL_BACKENDS = "docker|process"
PROFILES = "|".join(profiles())
PRICES = "|".join(price_tables())


def _with_its_folder(page: Path | None) -> Path | None:
    """Makes the folder of a page before minutes are spent on what the page is to tell."""
    if page is None:
        return None
    if page.is_dir():
        raise typer.BadParameter(f"{page} is a folder, and the page is a file.")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise typer.BadParameter(f"{page.parent} is no folder.") from None
    except OSError as error:
        raise typer.BadParameter(f"{page} cannot be written: {reason_of(error)}.") from error
    return page


Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
Url = Annotated[str, typer.Option(metavar="URL", help="Address of the emulator.")]
Function = Annotated[str, typer.Argument(metavar="FUNCTION", help="Name of the function.")]
Backend = Annotated[
    str,
    typer.Option(
        metavar=BACKENDS,
        help="Choose what a sandbox is.",
        parser=checker(backends),
        autocompletion=completer(backends),
    ),
]
RealBackends = Annotated[
    list[str] | None,
    typer.Option(
        "--backend",
        metavar=REAL_BACKENDS,
        help="Measure this backend only; may be repeated. (default: both)",
        parser=checker(real_backends),
        autocompletion=completer(real_backends),
    ),
]
Profile = Annotated[
    str,
    typer.Option(
        metavar=PROFILES,
        help="Choose whose behaviour to imitate.",
        parser=checker(profiles),
        autocompletion=completer(profiles),
    ),
]
PageFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write the page here. (default: stdout)",
        callback=_with_its_folder,
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")]

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """Returns the seconds of a time such as 90, 90s, 30m or 1h30m; refuses all else."""
    if not re.fullmatch(r"(\d+h)?(\d+m)?(\d+s?)?", text) or not text:
        raise typer.BadParameter(f"{text!r} is no time such as 90s, 30m or 1h30m.")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms]?)", text))


def check_default_template(template: Path) -> None:
    """Tells a new user of `testbed init`, where the default template is missing.

    Raises:
        SettingsError: the default template is meant, and is not there.
    """
    if template == TEMPLATE and not template.exists():
        raise SettingsError(
            f"{template} does not exist here. `testbed init` writes a small project; --template "
            "names a template elsewhere."
        )
