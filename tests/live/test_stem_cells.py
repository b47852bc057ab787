"""The keeper of stem cells: what is being made when nobody wants the cell any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from emulator.core.messages.commands import MakeStemCell
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
