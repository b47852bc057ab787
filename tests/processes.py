"""Whether a process is gone, with a bounded wait for those that end by themselves."""

from __future__ import annotations

import os
import select
from contextlib import suppress

BOUND = 60.0


def gone(pid: int) -> bool:
    """Waits a while for the end of a process, whoever's child it is; a zombie is gone."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            return bool(select.select([descriptor], [], [], BOUND)[0])
        finally:
            os.close(descriptor)
    return True
