from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.messages.measurements import JvmUse, MemoryUse
from emulator.host.jvm_counters import JvmCounters
from emulator.host.memory_counters import MemoryCounters
from emulator.live.sandbox.usage import Usage

if TYPE_CHECKING:
    from tests.live.sandbox.one_sandbox import Here

pytestmark = pytest.mark.anyio


async def test_throttling_of_the_first_init_is_not_the_first_invocations(here: Here) -> None:
    here.process.used_up = (3, 0.1)
    here.busy()
    here.clock.move(1.0)
    here.process.used_up = (4, 0.5)
    assert here.sandbox.meter.read() == Usage(10, throttled=0.4, throttled_periods=1)


async def test_memory_is_looked_at_ten_times_a_second_at_most_where_it_need_not_be_exact(
    here: Here,
) -> None:
    here.ready()
    assert here.sandbox.meter.read(exact=False) == Usage(10)
    here.process.memory_mb = 20
    here.clock.move(0.05)
    assert here.sandbox.meter.read(exact=False) == Usage(10)
    here.clock.move(0.2)
    assert here.sandbox.meter.read(exact=False) == Usage(20)
    assert here.told == ["memory", "memory"]
    here.process.memory_mb = 30
    assert here.sandbox.meter.read() == Usage(30)


async def test_peak_memory_never_falls(here: Here) -> None:
    here.ready()
    here.process.memory_mb = 20
    assert here.sandbox.meter.read() == Usage(20)
    here.process.memory_mb = 10
    assert here.sandbox.meter.read() == Usage(20)


async def test_throttling_is_counted_from_one_look_to_the_next(here: Here) -> None:
    here.ready()
    here.process.used_up = (3, 0.25)
    assert here.sandbox.meter.read() == Usage(10, 0.25, 3)
    here.process.used_up = (5, 1.0)
    assert here.sandbox.meter.read() == Usage(10, 0.75, 2)


async def test_invocation_too_short_to_be_throttled_is_not_asked_about(here: Here) -> None:
    here.clock.move(1.0)
    here.busy()
    here.process.used_up = (3, 0.25)
    here.clock.move(1.0005)
    assert here.sandbox.meter.read(exact=False) == Usage(10)
    here.clock.move(1.5)
    assert here.sandbox.meter.read(exact=False) == Usage(10, 0.25, 3)


async def test_faults_are_counted_from_one_look_to_the_next_and_the_first_has_those_of_the_init(
    here: Here,
) -> None:
    here.ready()
    here.process.counted = MemoryCounters(5 << 20, (2 << 20) + 1, 40, 9)
    assert here.sandbox.meter.read().memory == MemoryUse(5, 3, 40, 9)
    here.process.counted = MemoryCounters(6 << 20, 1 << 20, 42, 12)
    assert here.sandbox.meter.read().memory == MemoryUse(6, 1, 2, 3)


async def test_collections_of_a_jvm_are_counted_from_one_look_to_the_next(here: Here) -> None:
    here.ready()
    here.process.counted = MemoryCounters(5 << 20, 0, 0, 0)
    here.process.jvm_counted = JvmCounters(9 << 20, (2 << 20) + 1, 4, 0.5)
    assert here.sandbox.meter.read().memory == MemoryUse(5, 0, 0, 0, JvmUse(9, 3, 4, 0.5))
    here.process.jvm_counted = JvmCounters(8 << 20, 2 << 20, 6, 0.75)
    assert here.sandbox.meter.read().memory == MemoryUse(5, 0, 0, 0, JvmUse(8, 2, 2, 0.25))


async def test_jvm_of_a_restarted_runtime_is_counted_from_its_start(here: Here) -> None:
    here.ready()
    here.process.counted = MemoryCounters(0, 0, 0, 0)
    for count in (7, 3):
        here.process.jvm_counted = JvmCounters(0, 0, count, count / 10)
        used = here.sandbox.meter.read().memory
    assert used is not None
    assert used.jvm == JvmUse(0, 0, 3, 0.3)


async def test_kernel_that_tells_no_refaults_leaves_them_unknown(here: Here) -> None:
    here.ready()
    for faults in (1, 3):
        here.process.counted = MemoryCounters(0, 0, faults, None)
        used = here.sandbox.meter.read().memory
    assert used == MemoryUse(0, 0, 2, None)


async def test_short_invocation_leaves_its_faults_to_the_next_that_is_looked_at(here: Here) -> None:
    here.busy()
    here.process.counted = MemoryCounters(0, 0, 1, 0)
    assert here.sandbox.meter.read(exact=False).memory == MemoryUse(0, 0, 1, 0)
    here.process.counted = MemoryCounters(0, 0, 3, 0)
    here.clock.move(0.009)
    assert here.sandbox.meter.read(exact=False).memory is None
    here.process.counted = MemoryCounters(0, 0, 8, 0)
    here.clock.move(0.0101)
    assert here.sandbox.meter.read(exact=False).memory == MemoryUse(0, 0, 7, 0)
    assert here.told.count("memory") == 1, "the peak, which costs more, is not read for that"


async def test_sandbox_whose_cgroup_is_gone_has_no_figures(here: Here) -> None:
    here.ready()
    here.process.counted = MemoryCounters(5 << 20, 0, 40, 9)
    assert here.sandbox.meter.counters() == here.process.counted
    here.process.counted = None
    assert here.sandbox.meter.read().memory is None


async def test_sandbox_that_was_not_made_has_used_nothing(here: Here) -> None:
    assert here.sandbox.meter.read() == Usage()
