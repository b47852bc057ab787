from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from emulator.up.garbage import look_for_garbage_seldom

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_there_is_looked_at_no_more() -> None:
    look_for_garbage_seldom()
    assert gc.get_freeze_count() > 1000


def test_cycles_that_are_dropped_later_are_still_found() -> None:
    look_for_garbage_seldom()
    before = gc.get_stats()[0]["collected"]
    for _ in range(gc.get_threshold()[0] + 1):
        dropped: list[object] = []
        dropped.append(dropped)
    assert gc.get_stats()[0]["collected"] > before
