"""Sets how often Python looks for garbage in cycles, which a gateway makes hardly any of."""

from __future__ import annotations

import gc

_YOUNG = 50_000
"""New objects between two looks at the young ones; Python's own is 700, which ten invocations make.
A look has nothing to find, but passes over all that waits for the journal and the logs: a tenth of
the gateway's time."""
_MIDDLE, _OLD = 20, 50
"""Looks at a generation for each look at the next."""


def look_for_garbage_seldom() -> None:
    """Leaves what is there by now, all of which stays, out of every later look."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
