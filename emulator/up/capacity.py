"""Reads from the settings how the scheduler works on this machine, and how much fits there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.function_configuration import PackageType
from emulator.core.host_capacity import snapshot_charge_mb
from emulator.core.network_paths import PATHS
from emulator.core.policy import Admission
from emulator.core.scheduling import scheduling
from emulator.core.stem_cells import read_stem_cells
from emulator.errors import SettingsError
from emulator.host.memory import memory_mb
from emulator.policy_choice import chosen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.config import Settings
    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.policy import SchedulerSettings
    from emulator.core.profile import Profile

_HOST_SHARE = 0.75
"""Share of this machine's memory that sandboxes get; the rest is for everything else."""
_RESERVE_MB = 512
"""MB of available memory that no sandbox is started into, so that this machine goes on working."""


def room(
    settings: Settings, scheduling: SchedulerSettings, functions: tuple[FunctionConfiguration, ...]
) -> Iterator[str]:
    """Yields how many sandboxes of the largest function would fit on this machine.

    A second sentence says how many fit beside what is kept for faster starts, if anything is.
    """
    if not functions:
        return
    largest = max(functions, key=lambda function: function.memory_mb)
    fit = scheduling.host_memory_mb // largest.memory_mb
    room = f"Sandboxes have {scheduling.host_memory_mb} MB of this machine"
    size = f"{largest.name} ({largest.memory_mb} MB)"
    if settings.admission is Admission.NOMINAL:
        yield f"{room}: {fit} of {size} fit, then requests are throttled (--host-memory)."
    else:
        yield (
            f"{room}: {fit} of {size} fit if each uses all of its memory, and more as long as they "
            "use less (--host-memory nominal counts each in full)."
        )
    cells, cells_mb = _stem_cells(scheduling, functions)
    kept, kept_mb = _snapshots(settings, functions)
    if cells or kept:
        what = " and ".join(each for each in (cells, kept) if each)
        fit = max(0, scheduling.host_memory_mb - cells_mb - kept_mb) // largest.memory_mb
        gives = " Cells give way to sandboxes that find no room." if cells else ""
        yield f"Of that memory {cells_mb + kept_mb} MB are for {what}: {fit} fit beside.{gives}"


def _stem_cells(
    scheduling: SchedulerSettings, functions: tuple[FunctionConfiguration, ...]
) -> tuple[str, int]:
    """Returns how many stem cells are kept for functions, in words, and their MB before a look."""
    rule = scheduling.stem_cells
    runtimes = {each.runtime for each in functions if each.package_type is PackageType.ZIP}
    count = 0 if rule is None else sum(map(rule.wanted, runtimes))
    if rule is None or not count:
        return "", 0
    return f"{count} stem cell{'s' if count > 1 else ''}", count * rule.memory_mb


def _snapshots(settings: Settings, functions: tuple[FunctionConfiguration, ...]) -> tuple[str, int]:
    """Returns of how many functions snapshots are kept, in words, and their MB before a look."""
    kept = [each.scheduled(0, snapshot=True) for each in functions if each.snap_start]
    sizes = [snapshot_charge_mb(each, settings.admission) for each in kept]
    few = f"the snapshot{'s' if len(sizes) > 1 else ''} of {len(sizes)} function"
    return (f"{few}{'s' if len(sizes) > 1 else ''}" if sizes else ""), sum(sizes)


def scheduling_of(settings: Settings, profile: Profile) -> SchedulerSettings:
    """Returns how the scheduler works; raises SettingsError where a setting says what cannot be."""
    policy = chosen(settings.policy)
    try:
        return scheduling(
            profile,
            host_memory_mb=settings.host_memory or int(memory_mb() * _HOST_SHARE),
            keep_alive=settings.keep_alive,
            recycle_age=settings.recycle_age,
            policy=policy,
            init_timeout=settings.init_timeout,
            pick_order=settings.pick_order,
            binding=settings.binding,
            admission=settings.admission,
            host_reserve_mb=_RESERVE_MB if settings.admission is Admission.ACTUAL else 0,
            start_width=settings.start_width,
            idle_speedup=settings.idle_speedup,
            placement=PATHS[settings.network].placement,
            stem_cells=read_stem_cells(settings.stem_cells),
        )
    except ValueError as error:
        raise SettingsError(f"--keep-alive: {error}") from error
