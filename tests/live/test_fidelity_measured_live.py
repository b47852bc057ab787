"""What the records tell of a sandbox on the real backends: its CPU, its memory, its start."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from emulator.core.messages.commands import StartSandbox, StopSandbox
from emulator.core.messages.events import SandboxReady
from emulator.core.model import StartKind, StopReason, ThrottleReason
from emulator.core.policy import RecycleAge, ScaleOut
from emulator.live.backends.limitations import Limitation
from tests.live.world import lacks, world

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.core.messages.measurements import Anatomy
    from emulator.core.model import VersionKey
    from emulator.core.records import InvocationRecord
    from emulator.live.backends.interface import SandboxBackend
    from tests.live.world import World

REAL = ["process", pytest.param("docker", marks=pytest.mark.docker)]
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", REAL, indirect=True)]

CODE = """
import os, time

held = b""

def rest(event, context):
    time.sleep(event)

def memory(event, context):
    global held
    what, mb = event
    if what == "hold":
        held = b"x" * (mb << 20)
    elif what == "read":
        assert read(mb << 20) >= mb << 20
    time.sleep(0.15)  # memory is looked at every 0.1 s

def read(least):
    total = 0
    for folder, _, names in os.walk("/usr/lib"):
        for name in names:
            try:
                total += read_from_disk(os.path.join(folder, name))
            except OSError:
                continue
            if total >= least:
                return total
    return total

def read_from_disk(path):
    # what is in the page cache already is charged to whoever brought it there
    file = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        total = 0
        while piece := os.read(file, 1 << 20):
            total += len(piece)
        return total
    finally:
        os.close(file)
"""


def needs_cpu_share(backend: SandboxBackend) -> None:
    if lacks(backend, Limitation.CPU_UNLIMITED):
        pytest.skip("no share of CPU can be enforced here, and the backend says so")


async def warm_record(here: World, key: str, event: object) -> InvocationRecord:
    """Of the second of two invocations, with the same event."""
    for _ in range(2):
        outcome = await here.invoke(key, event)
        assert not outcome.function_error, outcome.payload
    await here.idle()
    return here.records()[-1]


def starts(here: World) -> list[tuple[float, Anatomy]]:
    """From the decision to start each sandbox to its readiness, and what that consists of."""
    entries = here.entries()
    began = {
        command.sandbox: entry.at
        for entry in entries
        for command in entry.commands
        if isinstance(command, StartSandbox)
    }
    return [
        (entry.at - began[entry.event.sandbox], entry.event.anatomy)
        for entry in entries
        if isinstance(entry.event, SandboxReady)
    ]


def whole(anatomy: Anatomy) -> float:
    return anatomy.create + anatomy.start + anatomy.connect + anatomy.init + anatomy.other


async def test_spin_is_throttled_and_a_sleep_is_not(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    needs_cpu_share(backend)
    async with world(backend, tmp_path) as here:
        spun = await warm_record(here, await here.deploy("spin", memory_mb=256), 0.2)
        rested = await warm_record(here, await here.deploy("rest", code=CODE), 0.2)
    assert 0.5 < spun.throttled < spun.duration
    assert spun.throttled_periods >= 20
    # a runtime's own work between two sleeps may take a period's share on a machine that is busy
    assert rested.throttled_periods <= 2
    assert rested.throttled < 0.1


async def test_max_memory_used_follows_what_is_held_and_not_what_is_read(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("memory", code=CODE, memory_mb=512)
        for event in (("rest", 0), ("read", 60), ("hold", 60)):
            outcome = await here.invoke(key, event)
            assert not outcome.function_error, outcome.payload
        await here.idle()
        rested, read, held = (record.max_memory_mb for record in here.records())
    assert 0 < rested < 40
    assert read - rested < 10
    assert 55 <= held - rested < 75


async def test_parts_of_a_cold_start_are_all_of_it(backend: SandboxBackend, tmp_path: Path) -> None:
    async with world(backend, tmp_path, keep_alive=0.0) as here:
        key = await here.deploy("echo", memory_mb=1769)
        for _ in range(5):
            await here.invoke(key)
            await here.gone()
        found = starts(here)
    assert len(found) == 5
    for took, anatomy in found:
        assert whole(anatomy) == pytest.approx(took, abs=0.001)
        assert anatomy.connect + anatomy.init > 0


async def test_requests_beyond_the_provisioned_sandboxes_spill_over(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("pause", memory_mb=1769, provisioned_concurrency=2)
        await here.idle()
        assert len(here.engine.sandboxes) == 2
        assert here.records() == []
        outcomes = await asyncio.gather(*(here.invoke(key) for _ in range(3)))
        await here.idle()
        records = {record.invocation: record for record in here.records()}
        reports = [line for line in here.logs.tail(key.split(":")[0]) if "REPORT RequestId" in line]
    kinds = [outcome.start for outcome in outcomes]
    assert kinds == [StartKind.PROVISIONED, StartKind.PROVISIONED, StartKind.COLD]
    with_init = [records[outcome.request_id].anatomy is not None for outcome in outcomes]
    assert with_init == [False, False, True]
    assert len(reports) == 3
    reported = {o.request_id for o in outcomes for line in reports if _has_init(line, o.request_id)}
    assert reported == {outcomes[2].request_id}


def _has_init(line: str, request_id: str) -> bool:
    return request_id in line and "Init Duration: " in line


async def test_scale_out_limit_throttles_and_lets_warm_sandboxes_serve(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    limit = ScaleOut(burst=2, refill_per_second=0.001, per_function=True)
    async with world(backend, tmp_path, scale_out=limit) as here:
        key = await here.deploy("pause", memory_mb=1769)
        first = await asyncio.gather(*(here.invoke(key) for _ in range(3)))
        await here.idle()
        again = await asyncio.gather(*(here.invoke(key) for _ in range(2)))
    throttles = [outcome.throttle for outcome in first]
    assert throttles == [None, None, ThrottleReason.SCALE_OUT]
    assert [outcome.start for outcome in again] == [StartKind.WARM] * 2


async def test_sandbox_of_the_recycling_age_is_replaced(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path, recycle_age=RecycleAge(600, 600)) as here:
        key = await here.deploy("echo", memory_mb=1769)
        first = await here.invoke(key)
        await here.idle()
        here.clock.skip(601)
        await here.gone()
        second = await here.invoke(key)
        entries = here.entries()
    stops = [
        (command.sandbox, command.reason)
        for entry in entries
        for command in entry.commands
        if isinstance(command, StopSandbox)
    ]
    assert stops == [(first.sandbox, StopReason.RECYCLED)]
    assert second.start is StartKind.COLD


async def test_dilated_clock_tells_times_as_of_the_undilated_machine(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    needs_cpu_share(backend)
    async with world(backend, tmp_path, dilation=4) as here:
        whole_cpu = await here.deploy("spin", memory_mb=1769)
        await here.invoke(whole_cpu, 0.0)
        spun, outside = await quickest(here, whole_cpu, 0.1)
        quarter, _ = await quickest(here, await here.deploy("spin", memory_mb=442), 0.1)
        rested, _ = await quickest(here, await here.deploy("rest", code=CODE), 0.4)
        found = starts(here)
    # the last period's share may come at its beginning
    assert 0.07 < spun.duration < 0.2
    assert -0.01 < outside < 0.04, "it lasts four times as long on the machine"
    assert 2.5 < quarter.duration / spun.duration < 6
    assert 0.6 < quarter.throttled / quarter.duration < 1.0
    assert 0.1 <= rested.duration < 0.15
    for took, anatomy in found:
        assert whole(anatomy) == pytest.approx(took, abs=0.001)


async def quickest(
    here: World, key: VersionKey, event: float, attempts: int = 3
) -> tuple[InvocationRecord, float]:
    """Returns the shortest of some warm invocations: a busy machine only takes longer.

    With the least of the machine's seconds that any took beyond those of the dilated clock.
    """
    tried: list[tuple[InvocationRecord, float]] = []
    await here.invoke(key, 0.0)
    for _ in range(attempts):
        await here.idle()
        began = time.monotonic()
        outcome = await here.invoke(key, event)
        took = time.monotonic() - began
        assert not outcome.function_error, outcome.payload
        await here.idle()
        record = here.records()[-1]
        tried.append((record, took - here.clock.dilation * record.duration))
    return min(tried, key=lambda one: one[0].duration)[0], min(one[1] for one in tried)
