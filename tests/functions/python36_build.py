"""Installs what functions/study-2018/python needs, for the Python 3.6 of this machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

FUNCTION = Path(__file__).parents[2] / "functions" / "study-2018" / "python"
TIMEOUT = 600.0
"""Seconds; the first time downloads 80 MB."""
_TAIL = 2_000


class CannotInstallError(Exception):
    """There is no Python 3.6 here, or pip failed; the message says which."""


def interpreter() -> str:
    """The path of a Python 3.6: the one on PATH, or pyenv's.

    Raises:
        CannotInstallError
    """
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [shutil.which("python3.6"), *map(str, versions.glob("3.6.*/bin/python3.6"))]
    for candidate in filter(None, found):
        if _works(candidate):
            return candidate
    raise CannotInstallError("there is no python3.6 here, on PATH or of pyenv")


def _works(python: str) -> bool:
    """pyenv's shims are there, whichever version is chosen, and then may not start."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def install() -> tuple[str, Path]:
    """The interpreter, and the folder of the installed requirements: made once for each state.

    Raises:
        CannotInstallError
    """
    if platform.machine() != "x86_64":
        raise CannotInstallError("TensorFlow 1.10 is there for x86_64 alone")
    python = interpreter()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "serverless-testbed" / "study-2018-python"
    folder.mkdir(parents=True, exist_ok=True)
    requirements = FUNCTION / "requirements.txt"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run of the tests may be at it
        stamp = folder / "built"
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(folder / "site", ignore_errors=True)
            _pip(python, "install", "--target", str(folder / "site"), "-r", str(requirements))
            stamp.write_text(wanted)
    return python, folder / "site"


def _pip(python: str, *arguments: str) -> None:
    try:
        done = subprocess.run(
            [python, "-m", "pip", "--quiet", *arguments],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotInstallError(f"pip took more than {TIMEOUT:g} s") from error
    if done.returncode:
        raise CannotInstallError(f"pip failed: {(done.stdout + done.stderr)[-_TAIL:]}")
