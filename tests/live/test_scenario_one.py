"""The study's first scenario on real sandboxes: which of five requests find one, by its lifetime.

The requests come at minutes 0, 6, 16, 31 and 61, each as long after the answer to the last. Idle
time runs twice as fast, and is skipped: a machine may stand still for half a minute before a
request that comes a minute before the end of a lifetime comes after that.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from emulator.core.model import StartKind
from tests.live.world import world

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.interface import SandboxBackend

pytestmark = pytest.mark.anyio

SPEEDUP = 2.0
GAPS = (6, 10, 15, 30)
"""Minutes."""
FOUND = {5.4: "CCCCC", 9: "CWCCC", 11: "CWWCC", 16: "CWWWC", 27: "CWWWC", 45: "CWWWW", 60: "CWWWW"}
"""By the lifetime of an idle sandbox in minutes."""


async def starts(backend: SandboxBackend, folder: Path, lifetime: float) -> str:
    async with world(backend, folder, lifetime * 60, idle_speedup=SPEEDUP) as here:
        key = await here.deploy("echo")
        kinds = [(await here.invoke(key, 0)).start]
        for gap in GAPS:
            await here.idle()
            here.clock.skip(gap * 60 / SPEEDUP)
            kinds.append((await here.invoke(key, 0)).start)
    return "".join("C" if kind is StartKind.COLD else "W" for kind in kinds)


async def test_five_requests_find_what_the_lifetime_leaves(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    found = await asyncio.gather(*(starts(backend, tmp_path, lifetime) for lifetime in FOUND))
    assert dict(zip(FOUND, found, strict=True)) == FOUND
