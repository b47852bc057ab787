"""Keeps the state directory: whose emulator it is, and where its runs and packages are.

This module owns the directory's lock, its id and the folders of runs. What stands in a package or a
journal is others' matter.
"""

from __future__ import annotations

import fcntl
import json
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from emulator.errors import RunDirectoryError, SettingsError, StateInUseError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class _Identity:
    """Tells a folder from its copies."""

    device: int
    inode: int
    boot: str
    """The boot in which `device` held: some file systems have another number after the next."""

    def is_same_folder(self, earlier: _Identity) -> bool:
        same_device = self.device == earlier.device or self.boot != earlier.boot
        return self.inode == earlier.inode and same_device


class StateDirectory:
    """Belongs to one emulator at a time, from `__enter__` to `__exit__`."""

    instance: str
    """The id that labels all that this directory's emulators make; the same after a restart, and
    another in a copy of the directory, whose emulator must not reap this one's sandboxes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: TextIO | None = None

    def __enter__(self) -> Self:
        """Takes the directory, which no other emulator may have until the end.

        Raises:
            StateInUseError: Another emulator owns the directory.
            SettingsError: The directory cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.path)
            self.instance = _instance(self.path)
        except OSError as error:
            self.__exit__()
            raise SettingsError(
                f"The state directory {self.path} cannot be written: {error.strerror}. "
                "Make room or name another with --state-dir."
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()  # and the kernel gives the lock back, after a kill as well
            self._lock = None

    def new_run(self) -> Path:
        """Makes a folder for one run, named by the time.

        Raises:
            RunDirectoryError: The folder cannot be made.
        """
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        path = self.path / "runs" / now
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise _unwritable(path, error) from error
        return path


def describe_run(path: Path, facts: Mapping[str, Any]) -> None:
    """Writes `run.json`: all that a report must know besides the journal.

    Raises:
        RunDirectoryError: The file cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / "run.json").write_text(json.dumps(facts, indent=2, default=str) + "\n")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> RunDirectoryError:
    return RunDirectoryError(
        f"The run directory {path} cannot be written: {error.strerror}. "
        "Make room or name another with --run-dir."
    )


def _locked(folder: Path) -> TextIO:
    """Opens the lock file and holds its lock until the file is closed."""
    lock = (folder / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StateInUseError(
            f"Another emulator uses the state directory {folder}; "
            "stop it or name another with --state-dir."
        ) from None
    except OSError:  # a file system without locks
        lock.close()
        raise
    return lock


def _instance(folder: Path) -> str:
    """Reads the folder's id, or makes one where there is none, or where another folder's stands."""
    file = folder / "instance"
    own = _identity(folder)
    instance, owner = _read(file)
    if not instance or (owner is not None and not own.is_same_folder(owner)):
        instance = uuid.uuid4().hex[:12]
    if owner != own:
        new = file.with_suffix(".new")
        new.write_text(json.dumps({"id": instance, **asdict(own)}) + "\n")
        new.replace(file)
    return instance


def _read(file: Path) -> tuple[str, _Identity | None]:
    """Reads an id and its folder, which is unknown where an older version wrote the id alone."""
    try:
        text = file.read_text().strip()
    except FileNotFoundError:
        return "", None
    if text.isalnum():
        return text, None
    try:
        found = json.loads(text)
        return found["id"], _Identity(found["device"], found["inode"], found["boot"])
    except (ValueError, KeyError, TypeError):  # it was cut short
        return "", None


def _identity(folder: Path) -> _Identity:
    status = folder.stat()
    try:
        boot = _BOOT_ID.read_text().strip()
    except OSError:
        boot = ""
    return _Identity(status.st_dev, status.st_ino, boot)
