"""The keeper of stem cells: what is being made when nobody wants the cell any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from emulator.core.messages.commands import MakeStemCell
from emulator.core.messages.events import StemCellReady
from emulator.live.stem_cells import StemCellKeeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.live.backends.interface import SandboxBackend

pytestmark = pytest.mark.anyio


class _Slow:
    """Is a backend and its stem cells: making one takes for ever, and so long to clear up."""

    def __init__(self) -> None:
        self.stem_cells = self
        self.begun = asyncio.Event()
        self.may_clear_up = asyncio.Event()
        self.cleared_up = False

    async def make(self, cell: int, runtime: str, ended: Callable[[], None]) -> int:  # noqa: ARG002
        self.begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self.may_clear_up.wait()
            self.cleared_up = True
        return 0


async def test_end_waits_until_a_cell_that_nobody_wanted_is_cleared_up() -> None:
    backend = _Slow()
    keeper = StemCellKeeper(cast("SandboxBackend", backend), lambda _: None)
    keeper.make(MakeStemCell(1, "python3.13"))
    await asyncio.wait_for(backend.begun.wait(), 20.0)
    keeper.stop(1)
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(keeper.close())
    await asyncio.sleep(0)
    assert not backend.cleared_up
    backend.may_clear_up.set()
    await asyncio.wait_for(closing, 20.0)
    assert backend.cleared_up


class _Quick:
    """Is a backend and its stem cells: making one takes no time."""

    def __init__(self) -> None:
        self.stem_cells = self
        self.dropped: list[int] = []

    async def make(self, cell: int, runtime: str, ended: Callable[[], None]) -> int:  # noqa: ARG002
        return 0

    def drop(self, cell: int) -> None:
        self.dropped.append(cell)


async def test_cell_that_nobody_wants_any_more_as_it_gets_ready_is_dropped() -> None:
    """It was in the making still for whoever stopped it in that moment, and stayed for good."""
    backend, told = _Quick(), asyncio.Event()

    def unwanted(event: object) -> None:
        assert isinstance(event, StemCellReady)
        keeper.stop(event.cell)
        told.set()

    keeper = StemCellKeeper(cast("SandboxBackend", backend), unwanted)
    keeper.make(MakeStemCell(1, "python3.13"))
    await asyncio.wait_for(told.wait(), 20.0)
    await keeper.close()
    assert backend.dropped == [1]
