"""Tells which testbed runs: `testbed version`, and `testbed --version`."""

from emulator.cli.options import Json
from emulator.cli.output import print_json


def version(*, as_json: Json = False) -> None:
    """Print the version, and whether the core is compiled."""
    from emulator import __version__  # noqa: PLC0415  # read from the installed package
    from emulator.host.compiled import is_compiled  # noqa: PLC0415

    core = "compiled" if is_compiled() else "interpreted"
    if as_json:
        print_json({"version": __version__, "core": core})
    else:
        print(f"testbed {__version__} ({core} core)")
