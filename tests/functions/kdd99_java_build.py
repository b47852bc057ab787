"""Builds a Java function outside the tree, whose folder is a Docker build's context."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

FUNCTION = Path(__file__).parents[2] / "functions" / "kdd99-java"
TIMEOUT = 900.0
"""Seconds; the first build downloads 190 MB."""
_TAIL = 2_000


class CannotBuildError(Exception):
    """A tool is missing here, or Maven failed; the message says which."""


def build(function: Path = FUNCTION, name: str = FUNCTION.name) -> Path:
    """Maven's target folder: lib/, and native/ of kdd99-java. Built once for each state of the
    sources, under the name in the user's cache folder.

    Raises:
        CannotBuildError
    """
    if platform.machine() != "x86_64":
        raise CannotBuildError("TensorFlow's libraries for Java are there for x86_64 alone")
    for tool in ("mvn", "java", "javac"):
        if shutil.which(tool) is None:
            raise CannotBuildError(f"there is no {tool} here")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "serverless-testbed" / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run of the tests may be at it
        stamp = folder / "built"
        wanted = digest(function)
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            package(function, folder)
            stamp.write_text(wanted)
    return folder / "target"


def digest(function: Path) -> str:
    found = hashlib.sha256()
    sources = (path for path in (function / "src").rglob("*") if path.is_file())
    for path in [function / "pom.xml", *sorted(sources)]:
        found.update(path.relative_to(function).as_posix().encode() + b"\0")
        found.update(path.read_bytes() + b"\0")
    return found.hexdigest()


def package(function: Path, folder: Path) -> None:
    for name in ("src", "target"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(function / "src", folder / "src")
    shutil.copy(function / "pom.xml", folder)
    command = ["mvn", "--batch-mode", "--no-transfer-progress", "--quiet", "package"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CannotBuildError(f"Maven took more than {TIMEOUT:g} s") from error
    if done.returncode:
        raise CannotBuildError(f"Maven failed: {(done.stdout + done.stderr)[-_TAIL:]}")
