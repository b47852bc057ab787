"""The state directory: whose emulator it is, and where runs and packages are kept."""

from __future__ import annotations

import fcntl
import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from emulator.errors import StateInUseError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import TextIO


class StateDirectory:
    """Owned by one emulator at a time, from `__enter__` to `__exit__`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: TextIO | None = None

    def __enter__(self) -> Self:
        """Raises StateInUseError where another emulator owns it."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = (self.path / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise StateInUseError(
                f"Another emulator uses the state directory {self.path}; "
                "stop it or name another with --state-dir."
            ) from None
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()  # and the kernel gives the lock back, after a kill as well

    @property
    def instance(self) -> str:
        """The id that labels all that this folder's emulators make; the same after a restart.

        A copy of the folder has another id, since an emulator removes what bears its own id, and
        would end the sandboxes of the folder that was copied.
        """
        folder = self.path.stat()
        place = f"{folder.st_dev}:{folder.st_ino}"
        path, placed = self.path / "instance", self.path / "instance.place"
        if not path.exists() or not placed.exists() or placed.read_text() != place:
            path.write_text(uuid.uuid4().hex[:12])
            placed.write_text(place)
        return path.read_text().strip()

    def new_run(self) -> Path:
        """A fresh folder for one run, named by the time."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        path = self.path / "runs" / now
        path.mkdir(parents=True)
        return path


def describe_run(path: Path, facts: Mapping[str, Any]) -> None:
    """Writes `run.json`: all that a report must know besides the journal."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "run.json").write_text(json.dumps(facts, indent=2, default=str) + "\n")
