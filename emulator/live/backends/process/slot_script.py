"""Writes the shell script that a slot becomes."""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING

from emulator.errors import SandboxStartError
from emulator.live.backends.supervisor import shells_own

if TYPE_CHECKING:
    from collections.abc import Mapping


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_environment(environment: Mapping[str, str]) -> None:
    """Raises SandboxStartError for a variable that no process can have."""
    for name, value in environment.items():
        if not _NAME.fullmatch(name) or "\0" in value:
            raise SandboxStartError(f"{name!r} cannot be an environment variable of a sandbox.")


def slot_script(environment: Mapping[str, str], words: list[str], redirections: str) -> bytes:
    """Returns the script that exports an environment and runs a command, with redirections.

    Raises:
        SandboxStartError: a variable cannot be encoded.
    """
    passed = shells_own(environment)
    lines = [
        f"export {name}={quote(value)}" for name, value in environment.items() if name not in passed
    ]
    lines.append(f"exec {' '.join(map(quote, words))} {redirections}\n")
    return encoded("\n".join(lines))


def encoded(text: str) -> bytes:
    """Returns a script's bytes; raises SandboxStartError where a variable has none."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise SandboxStartError("An environment variable of the sandbox is not text.") from error
