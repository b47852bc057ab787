from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.policy import InitCpu
from emulator.live.backends.sandbox_spec import CpuShare
from tests.live.scripted_backend import ScriptedBackend
from tests.live.world import world

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
QUARTER = 2894
"""Microseconds of each 20 ms that 256 MB have in 2025."""


@pytest.mark.parametrize(
    ("init_cpu", "dilation", "share"),
    [
        (InitCpu.BOOSTED, 1.0, None),
        (InitCpu.BOOSTED, 2.0, CpuShare(20_000, 40_000)),
        (InitCpu.SHARE, 1.0, CpuShare(QUARTER, 20_000)),
        (InitCpu.SHARE, 2.0, CpuShare(QUARTER, 40_000)),
    ],
)
async def test_an_init_has_a_cpu_unless_its_boost_is_taken_away(
    tmp_path: Path, init_cpu: InitCpu, dilation: float, share: CpuShare | None
) -> None:
    backend = ScriptedBackend()
    async with world(backend, tmp_path, init_cpu=init_cpu, dilation=dilation) as here:
        await here.invoke(await here.deploy("echo"))
        (process,) = backend.processes
        assert process.spec.init_cpu == share
