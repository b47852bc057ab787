"""Runs one command line from its arguments to its exit code; no failure ends in a traceback."""

from __future__ import annotations

import contextlib
import errno
import sys
from typing import TYPE_CHECKING

from emulator.cli.app import app
from emulator.cli.extras import missing_extra
from emulator.errors import (
    DatasetError,
    RunDirectoryError,
    SettingsError,
    StateInUseError,
    TemplateError,
    TestbedError,
)
from emulator.host.delegation import staying

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
WRONGLY_USED = 2
INTERRUPTED = 130

_USER_ERRORS = (SettingsError, TemplateError, StateInUseError, RunDirectoryError, DatasetError)
"""Errors that name what the user gave: nothing was begun, and trying again changes nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code: 0, 1 failed, 2 wrongly used, 130 interrupted.

    Args:
        arguments: Words of the command line without the program's name; None: the process's own.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        # a caller with words of its own is another program, such as a test run: not to be replaced
        with contextlib.nullcontext() if arguments is None else staying():
            app(args=words, prog_name="testbed")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    except TestbedError as error:
        return _failed(str(error), WRONGLY_USED if isinstance(error, _USER_ERRORS) else FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except ModuleNotFoundError as error:
        sentence = missing_extra(error.name or "", words[:1])
        if sentence is None:
            raise  # a fault of this package, whose traceback is wanted
        return _failed(sentence, FAILED)
    except OSError as error:
        return _failed(_sentence(error), FAILED)
    return 0


def _sentence(error: OSError) -> str:
    """Words an error of the operating system: the file or address, and the reason."""
    why = error.strerror or str(error)
    if error.errno == errno.ENOSPC:
        why += "; free some space and try again"
    return f"{error.filename}: {why}." if error.filename else f"{why}."


def _failed(sentence: str, code: int) -> int:
    print(f"testbed: {sentence}", file=sys.stderr)
    return code
