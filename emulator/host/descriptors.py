"""Raises the limit of open files of this process."""

from __future__ import annotations

import resource
from contextlib import suppress

_WANTED = 65536


def raise_descriptor_limit() -> None:
    """Raises this process's soft limit of open files, often 1,024, as far as is allowed.

    A sandbox takes up to nine descriptors of the emulator's.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS tells no true hard limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
