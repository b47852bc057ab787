"""Watches what else limited a measurement: CPU, memory and load of the host while a cell ran.

A thread samples the host twice a second and writes host.csv; the verdict is a fold over the samples
in which a request was under way, as the load's own start and the pauses slow nobody. A cell is
host-bound where the host, and not the function's own share of CPU, was the bottleneck of its
typical request: its figures then tell of this machine. A CPU that is full in bursts, as when
sandboxes start at once, is a remark: the slowest answers tell of this machine, the average hardly.
The kernel's load is a mean of the last minute, so that what a cell found at its start is taken off.
What is sampled is `host.activity`'s affair.
"""

from __future__ import annotations

import bisect
import csv
import math
import os
import threading
import time
from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Self

import psutil

from emulator.core.model import COLD_STARTS
from emulator.errors import RunDirectoryError
from emulator.experiments.records.host_verdict import HostVerdict, Verdict
from emulator.experiments.records.percentiles import percentile
from emulator.host.activity import HostProbe, HostSample

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from emulator.experiments.records.client_rows import ClientRow

HOST = "host.csv"
FULL_CPU = 0.95
"""Share of all CPUs' time: above it a sandbox waits for a CPU that its quota would give it."""
MOSTLY_FULL = 0.25
"""Share of the time: with a full CPU for longer than that, the typical request waits for it too.
Of the time in which cold starts are under way, that makes the typical cold start wait."""
SOMETIMES_FULL = 0.1
"""Share of the time that is worth a remark: one cold start on one core is not."""
STOLEN_CPU = 0.05
"""Share of all CPUs' time that another guest of the same hypervisor took."""
LOAD_A_CPU = 3.0
"""Tasks that run or wait for the disk. A sandbox that its quota holds back is none of them."""
_LOAD_FADES_S = 60.0
"""Seconds in which the kernel's load forgets all but 1/e: a load of one minute (getloadavg(3))."""
LEAST_MEMORY_MB = 200.0
_FEW = 8
"""Samples of cold starts, below which their share says nothing: four seconds."""
_EVERY = 0.5
"""Seconds between two samples."""


def judge(
    samples: Sequence[HostSample],
    cpus: int,
    cold: Collection[HostSample] = (),
    first: HostSample | None = None,
) -> HostVerdict:
    """Returns `host-bound` with every reason that was found, else `ok`, perhaps with a remark.

    Args:
        samples: those in which a request was under way.
        cpus: cores of the host.
        cold: those of the samples in which a cold start was under way.
        first: the sample at the cell's start, whose load is of what ran before.
    """
    if not samples:
        return HostVerdict(why="the host was not sampled")
    busy = percentile([sample.cpu_busy for sample in samples], 95) or 0.0
    steal = percentile([sample.steal for sample in samples], 95) or 0.0
    load = max(_own_load(sample, first) for sample in samples)
    memory = min(sample.mem_available_mb for sample in samples)
    reasons = []
    full = [sample for sample in samples if sample.cpu_busy >= FULL_CPU]
    share = len(full) / len(samples)
    if share > MOSTLY_FULL:
        reasons.append(f"CPU full {share:.0%} of the time{_share_of_sandboxes(full)}")
    if steal >= STOLEN_CPU:
        reasons.append(f"{steal:.0%} of the CPU stolen by the hypervisor")
    if load > LOAD_A_CPU * cpus:
        reasons.append(f"load {load:.1f} on {cpus} CPUs")
    if memory < LEAST_MEMORY_MB:
        reasons.append(f"only {memory:.0f} MB of memory available")
    return HostVerdict(
        verdict=Verdict.HOST_BOUND if reasons else Verdict.OK,
        why="; ".join(reasons),
        cpu_p95=round(busy, 4),
        steal_p95=round(steal, 4),
        load_max=round(load, 2),
        mem_available_min_mb=round(memory, 1),
        remark="" if reasons else _remark(full, share, cold),
    )


def _own_load(sample: HostSample, first: HostSample | None) -> float:
    """Returns the load without what is left of that at the cell's start."""
    if first is None:
        return sample.load1
    passed = max(0.0, sample.at_epoch - first.at_epoch)
    return max(0.0, sample.load1 - first.load1 * math.exp(-passed / _LOAD_FADES_S))


def _remark(full: Sequence[HostSample], share: float, cold: Collection[HostSample]) -> str:
    full_cold = [sample for sample in full if sample in cold]
    if share > SOMETIMES_FULL:
        when = " during cold starts" if len(full_cold) == len(full) else ""
        return f"CPU full{when}: {share:.0%} of the time{_share_of_sandboxes(full)}"
    share_cold = len(full_cold) / len(cold) if cold else 0.0
    if share_cold > MOSTLY_FULL and len(cold) >= _FEW:
        return (
            f"CPU full in {share_cold:.0%} of the time of cold starts"
            f"{_share_of_sandboxes(full_cold)}"
        )
    return ""


def _share_of_sandboxes(full: Sequence[HostSample]) -> str:
    shares = [sample.sandbox_cpu for sample in full if sample.sandbox_cpu is not None]
    return f", {sum(shares) / len(shares):.0%} of it by sandboxes" if shares else ""


def under_way(clients: Iterable[ClientRow]) -> list[tuple[float, float]]:
    """Returns when at least one request was under way, in seconds since the epoch.

    The spans stand apart, in the order of their times.
    """
    spans: list[tuple[float, float]] = []
    for begin, end in sorted((row.start, row.start + row.latency_ms / 1000) for row in clients):
        if spans and begin <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((begin, end))
    return spans


def _overlaps(begin: float, end: float, spans: Sequence[tuple[float, float]]) -> bool:
    last = bisect.bisect_right(spans, end, key=lambda span: span[0]) - 1
    return last >= 0 and spans[last][1] >= begin


def _probe_of_this_host() -> HostProbe | None:
    try:
        return HostProbe()
    except (psutil.Error, OSError):
        return None


class HostGuard:
    """Watches the host while the context lasts, and has a verdict afterwards.

    Where the host tells nothing, as in a container without /proc, there are no samples, and the
    verdict has no figures.
    """

    def __init__(self, path: Path, probe: HostProbe | None = None, every: float = _EVERY) -> None:
        self._path = path
        self._probe = probe or _probe_of_this_host()
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="host guard", daemon=True)
        self._began = math.inf
        self._samples: list[HostSample] = []
        self._unwritten = ""
        """Why the samples could not be written."""

    def __enter__(self) -> Self:
        self._began = time.time()
        if self._probe is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Ends the watch.

        Raises:
            RunDirectoryError: the samples could not be written; unless something else went wrong.
        """
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._unwritten and kind is None:
            raise RunDirectoryError(f"{self._path} cannot be written: {self._unwritten}.")

    def verdict(self, clients: Iterable[ClientRow]) -> HostVerdict:
        """Judges by the time in which requests were under way whether the host slowed them."""
        rows = list(clients)
        cold = self._during(row for row in rows if row.start_kind in COLD_STARTS)
        first = self._samples[0] if self._samples else None
        return judge(self._during(rows), os.cpu_count() or 1, cold, first)

    def _during(self, clients: Iterable[ClientRow]) -> list[HostSample]:
        spans = under_way(clients)
        before = [self._began, *(sample.at_epoch for sample in self._samples)]
        return [
            sample
            for last, sample in zip(before, self._samples, strict=False)
            # a sample tells of all since the last, which is long where this machine stood still
            if _overlaps(min(last, sample.at_epoch - self._every), sample.at_epoch, spans)
        ]

    def _watch(self) -> None:
        try:
            self._sample_into_file()
        except OSError as error:
            self._unwritten = error.strerror or str(error)

    def _sample_into_file(self) -> None:
        assert self._probe is not None
        with self._path.open("w", encoding="utf-8", newline="", buffering=1) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(field.name for field in fields(HostSample))
            over = False
            while not over:
                over = self._over.wait(self._every)
                sample = self._probe.sample()
                self._samples.append(sample)
                writer.writerow("" if value is None else value for value in astuple(sample))
