"""Serves functions until Ctrl-C: `testbed up`."""

import logging
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emulator.cli.options import check_default_template
from emulator.cli.up_options import with_settings
from emulator.errors import SettingsError, reason_of

if TYPE_CHECKING:
    from emulator.config import Settings


@with_settings
def up(
    *,
    no_companion: Annotated[
        bool,
        typer.Option(
            "--no-companion", help="Start no moto server for AWS services without an endpoint."
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is done, and why, to stderr.")
    ] = False,
    **words: Any,
) -> int:
    """Deploy a template and serve it until Ctrl-C.

    Each option can also stand in a settings file, or in a variable such as TESTBED_KEEP_ALIVE.
    """
    from emulator.cli.deployment import deployment_display  # noqa: PLC0415  # the server is slow
    from emulator.up.serve import run  # noqa: PLC0415  # to import

    if verbose:
        log_verbosely()
    file = words.pop("settings")
    given = {name: value or None for name, value in words.items()}
    if no_companion:
        given["companion"] = False
    merged = _merged(file, given)
    check_default_template(merged.template)
    return run(merged, deployment_display())


def log_verbosely() -> None:
    """Lets the emulator's own log lines through, from INFO on, to stderr."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("emulator").setLevel(logging.INFO)


def _merged(file: Path | None, given: dict[str, Any]) -> "Settings":
    from emulator.config import load  # noqa: PLC0415

    toml: dict[str, Any] = {}
    if file is not None:
        try:
            toml = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{file} cannot be read: {reason_of(error)}.") from error
    return load(os.environ, toml, given)
