"""Makes the processes that share the work of a simulation."""

from __future__ import annotations

import gc
import multiprocessing
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def processes(jobs: int) -> Iterator[multiprocessing.pool.Pool]:
    """Yields a pool of processes that leave Ctrl-C to their parent, and are ended with the context.

    They are forked, and have what their parent has in memory without a copy.
    """
    context = multiprocessing.get_context("fork")
    pool = context.Pool(jobs, _begin)
    try:
        yield pool
    finally:
        pool.terminate()
        pool.join()


_MADE = 200_000
"""Objects of a simulation after which cycles are looked for: there are hardly any, and a trace of a
thousand functions has as many objects at a time."""


def _begin() -> None:
    """Leaves Ctrl-C to the parent process, and what was made there uncollected."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(_MADE)
