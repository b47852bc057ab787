"""Installs Python requirements with pip, once for each set of them, and links them elsewhere.

This module knows nothing of functions but the names that stand in messages.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import signal
import sys
import time
from asyncio import subprocess
from collections import deque
from contextlib import suppress
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from emulator.errors import BuildError
from emulator.live.backends.process.atomic_folder import built

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.live.backends.interface import Progress

_LIMIT = 1800.0
"""Seconds that pip may take, as for a large wheel over a slow line."""
_SILENCE = 10.0
"""Seconds without a line of pip's after which a person is told that pip still works."""
_LAST_LINES = 15
_WIDTH = 100
_SHOWN = re.compile(r"(Downloading|Building|Installing collected|Successfully)\b")
_BYTES = re.compile(r"Progress \d+ of \d+$")
"""Matches pip's lines of a running download, a few of them a second."""
_PLAIN = re.compile(r"[A-Za-z0-9][\w.-]*(\[[^]]*\])?\s*([<>=!~;(].*)?")


def interpreter() -> str:
    """Returns what decides, besides the text of requirements, which files pip installs."""
    return f"{sys.implementation.cache_tag}-{sys.platform}-{os.uname().machine}"


def self_contained(text: str) -> bool:
    """Tells whether a requirements file names packages only, and no other file."""
    lines = (line.split(" #")[0].strip() for line in text.splitlines())
    return all(not line or line.startswith("#") or _PLAIN.fullmatch(line) for line in lines)


class Installer:
    """Keeps installed sets of requirements in `cache`; a set is never changed."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    async def install(
        self, name: str, arguments: Sequence[str], cwd: Path, key: Sequence[str], say: Progress
    ) -> Path:
        """Runs `pip install` with `arguments` in `cwd`, unless that was done for this `key`.

        Returns:
            The folder of the installed packages, compiled.

        Raises:
            BuildError: pip failed; the message ends with pip's last lines.
            OSError: The cache cannot be written.
        """
        identity = repr((interpreter(), tuple(arguments), tuple(key)))
        target = self._cache / hashlib.sha256(identity.encode()).hexdigest()[:32]
        if target.is_dir():
            return target / "site"
        say(f"{name}: installing its requirements")
        async with built(target) as folder:
            site, scratch = folder / "site", folder / "tmp"
            scratch.mkdir()
            await _pip(name, [*arguments, "--target", str(site)], cwd, scratch, say)
            await asyncio.to_thread(_tidy, site, scratch)
            size = await asyncio.to_thread(_size, site)
            (folder / "size").write_text(str(size))
            say(f"{name}: compiling {size >> 20} MB of packages")
            await compile_folder(site)
        return target / "site"


def installed_size(site: Path) -> int:
    """Returns the bytes of what pip installed, without the bytecode that was made of it."""
    return int((site.parent / "size").read_text())


def link_tree(source: Path, into: Path) -> None:
    """Hard-links all of `source` into `into`; existing files stay."""
    for folder, _, names in os.walk(source):
        target = into / Path(folder).relative_to(source)
        target.mkdir(exist_ok=True)
        target.chmod(0o755)
        for name in names:
            with suppress(FileExistsError):
                _link(Path(folder, name), target / name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # another file system, or too many links
        shutil.copy2(source, target, follow_symlinks=False)


async def compile_folder(folder: Path) -> None:
    """Compiles a folder as if it were /var/task; what is no valid Python stays as it is."""
    arguments = ["-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    arguments += ["-s", str(folder), "-p", "/var/task", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *_python("compileall", *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        await process.wait()
    finally:
        await _end(process)


async def _pip(
    name: str, arguments: Sequence[str], cwd: Path, scratch: Path, say: Progress
) -> None:
    options = ["--no-compile", "--no-input", "--disable-pip-version-check"]
    options += ["--progress-bar", "raw", "--no-warn-conflicts", "--root-user-action", "ignore"]
    process = await asyncio.create_subprocess_exec(
        *_python("pip", "install", *options, *arguments),
        cwd=cwd,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    last: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        async with asyncio.timeout(_LIMIT):
            await _follow(process, name, last, say)
            code = await process.wait()
    except TimeoutError:
        message = f"{name}: pip did not end within {_LIMIT / 60:.0f} minutes:"
        raise BuildError("\n".join([message, *last])) from None
    finally:
        await _end(process)
    if code != 0:
        message = f"{name}: its requirements cannot be installed; pip said:"
        raise BuildError("\n".join([message, *last]))


async def _follow(process: subprocess.Process, name: str, last: deque[str], say: Progress) -> None:
    """Reads pip's output to the end and passes on the lines that tell of progress."""
    began = time.monotonic()
    assert process.stdout is not None
    while True:
        try:
            async with asyncio.timeout(_SILENCE):
                line = await process.stdout.readline()
        except TimeoutError:
            say(f"{name}: pip still works ({time.monotonic() - began:.0f} s)")
            continue
        if not line:
            return
        text = line.decode(errors="replace").strip()
        if _BYTES.match(text):
            say(f"{name}: {text}")
            continue
        last.append(text)
        if _SHOWN.match(text):
            say(f"{name}: {shorten(text, _WIDTH)}")


def _python(module: str, *arguments: str) -> list[str]:
    """Returns a command of this Python whose files any user can read: functions run as another."""
    shell = ["/bin/sh", "-c", 'umask 022; exec "$@"', "sh"]
    return [*shell, sys.executable, "-m", module, *arguments]


async def _end(process: subprocess.Process) -> None:
    """Kills a process that still runs, with its children: the build was cancelled or too slow."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _tidy(site: Path, scratch: Path) -> None:
    """Removes what pip leaves behind besides packages."""
    shutil.rmtree(scratch, ignore_errors=True)
    site.mkdir(exist_ok=True)  # pip makes none where there was nothing to install
    for cache in list(site.rglob("__pycache__")):
        shutil.rmtree(cache)


def _size(site: Path) -> int:
    return sum(path.lstat().st_size for path in site.rglob("*") if path.is_file())
