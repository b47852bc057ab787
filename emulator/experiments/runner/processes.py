"""Makes the processes that share the work of a simulation."""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def processes(jobs: int) -> Iterator[multiprocessing.pool.Pool]:
    """Yields processes that leave Ctrl-C to this one, which ends them.

    They are forked, and have what this one has in memory without a copy.
    """
    context = multiprocessing.get_context("fork")
    pool = context.Pool(jobs, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    try:
        yield pool
    finally:
        pool.terminate()
        pool.join()
