"""Has the disks of an emulator's sandboxes read ahead as far as its user asked, and back again.

Owns which sentence the user is told; what a disk is, and how to change it, is `host.read_ahead`'s.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from emulator.errors import SettingsError
from emulator.host.read_ahead import Disks, changed_read_ahead, remarks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_MEMORY = "read-ahead.json"


@contextlib.contextmanager
def read_ahead(
    state: Path,
    storage: Sequence[Path],
    kb: int | None,
    say: Callable[[str], None],
    disks: Disks | None = None,
) -> Iterator[None]:
    """Keeps the read-ahead of the disks under `storage` at `kb` KB; None only warns of a long one.

    Raises:
        SettingsError: there is no such disk on this machine, or it may not be changed.
    """
    found = (disks or Disks()).under(storage)
    if kb is not None and not found:
        raise SettingsError(
            "--read-ahead has no disk to set: the sandboxes' files are in memory, on a network, or "
            "with an engine on another machine. Leave it out."
        )
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(changed_read_ahead(found, kb, state / _MEMORY))
            sentences = remarks(found)
        except OSError as error:
            names = ", ".join(disk.name for disk in found)
            raise SettingsError(
                f"--read-ahead cannot be set on {names}: {error.strerror}. Root may, where /sys is "
                "not mounted read-only, as in most containers; or set the file "
                f"{found[0].file if found else ''} yourself."
            ) from error
        for sentence in sentences:
            say(f"Not as on Lambda: {sentence}")
        yield
