"""What else limited a measurement: CPU, memory and load of the host while a cell ran.

A thread samples /proc once in a while and writes host.csv; the verdict is a fold over those rows
in which a request was under way, as the load's own start and the pauses slow nobody. A cell is
host-bound where the host, and not the function's own share of CPU, was the bottleneck of its
typical request: its figures then tell of this machine. A CPU that is full in bursts, as when
sandboxes start at once, is a remark: the slowest answers tell of this machine, the average hardly.
Source of the formats: proc(5).
"""

from __future__ import annotations

import bisect
import csv
import math
import os
import threading
import time
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Self

from emulator.core.model import StartKind
from emulator.experiments.records.host_verdict import HostVerdict, Verdict
from emulator.experiments.records.percentiles import percentile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from emulator.experiments.records.run_directory import ClientRow

HOST = "host.csv"
FULL_CPU = 0.95
"""Share of all CPUs' time: above it a sandbox waits for a CPU that its quota would give it."""
MOSTLY_FULL = 0.25
"""Share of the time: with a full CPU for longer than that, the typical request waits for it too."""
SOMETIMES_FULL = 0.1
"""Share of the time that is worth a remark: one cold start on one core is not."""
STOLEN_CPU = 0.05
"""Share that another guest of the same hypervisor took."""
LOAD_A_CPU = 3.0
"""Tasks that run or wait for the disk. A sandbox that its quota holds back is none of them."""
LEAST_MEMORY_MB = 200.0
_EVERY = 0.5
_SANDBOX_MARK = b"AWS_LAMBDA_RUNTIME_API="


@dataclass(frozen=True, slots=True)
class HostSample:
    at_epoch: float
    cpu_busy: float
    """Share of all CPUs' time since the last sample, as are the other two shares."""
    steal: float
    load1: float
    mem_available_mb: float
    sandbox_cpu: float | None
    """Taken by sandboxes of any emulator here; None where none was seen."""


def judge(
    samples: Sequence[HostSample], cpus: int, cold: Collection[HostSample] = ()
) -> HostVerdict:
    """`host-bound` with every reason that was found, else `ok`, perhaps with a remark.

    `cold` are those of the samples in which a cold start was under way.
    """
    if not samples:
        return HostVerdict(why="the host was not sampled")
    busy = percentile([sample.cpu_busy for sample in samples], 95) or 0.0
    steal = percentile([sample.steal for sample in samples], 95) or 0.0
    load = max(sample.load1 for sample in samples)
    memory = min(sample.mem_available_mb for sample in samples)
    reasons = []
    full = [sample for sample in samples if sample.cpu_busy >= FULL_CPU]
    share = len(full) / len(samples)
    if share > MOSTLY_FULL:
        reasons.append(f"CPU full {share:.0%} of the time{_of_it(full)}")
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
        load_max=load,
        mem_available_min_mb=round(memory, 1),
        remark=_remark(full, share, cold) if not reasons and share > SOMETIMES_FULL else "",
    )


def _remark(full: Sequence[HostSample], share: float, cold: Collection[HostSample]) -> str:
    when = " during cold starts" if all(sample in cold for sample in full) else ""
    return f"CPU full{when}: {share:.0%} of the time{_of_it(full)}"


def under_way(clients: Iterable[ClientRow]) -> list[tuple[float, float]]:
    """When at least one request was, in seconds since the epoch: spans apart, in order."""
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


def _of_it(full: Sequence[HostSample]) -> str:
    shares = [sample.sandbox_cpu for sample in full if sample.sandbox_cpu is not None]
    return f", {sum(shares) / len(shares):.0%} of it by sandboxes" if shares else ""


class HostProbe:
    """Reads /proc; each sample tells of the time since the one before."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._tick = os.sysconf("SC_CLK_TCK")
        self._cpus = os.cpu_count() or 1
        self._times = self._cpu_times()
        self._sandboxes = self._sandbox_times()
        self._at = time.monotonic()

    def sample(self) -> HostSample:
        before, self._times = self._times, self._cpu_times()
        idle, steal, total = (new - old for new, old in zip(self._times, before, strict=True))
        return HostSample(
            at_epoch=time.time(),
            cpu_busy=round(1 - idle / total, 4) if total else 0.0,
            steal=round(steal / total, 4) if total else 0.0,
            load1=float(self._text("loadavg").split()[0]),
            mem_available_mb=self._memory_mb(),
            sandbox_cpu=self._sandbox_share(),
        )

    def _cpu_times(self) -> tuple[int, int, int]:
        """Ticks since boot: idle (waiting for the disk included), stolen, all."""
        ticks = [int(field) for field in self._text("stat").split("\n", 1)[0].split()[1:9]]
        return ticks[3] + ticks[4], ticks[7], sum(ticks)

    def _memory_mb(self) -> float:
        for line in self._text("meminfo").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) / 1024
        return math.inf

    def _sandbox_share(self) -> float | None:
        before, self._sandboxes = self._sandboxes, self._sandbox_times()
        last, self._at = self._at, time.monotonic()
        if not self._sandboxes:
            return None
        # a process that is new has used all of its time since the last sample
        ticks = sum(max(0, now - before.get(pid, 0)) for pid, now in self._sandboxes.items())
        passed = self._at - last
        return round(ticks / self._tick / passed / self._cpus, 4) if passed > 0 else None

    def _sandbox_times(self) -> dict[str, int]:
        """Ticks of each process that has a Runtime API to dial."""
        found = {}
        for folder in self._proc.iterdir():
            if not folder.name.isdigit():
                continue
            try:
                variables = (folder / "environ").read_bytes()
                if variables.startswith(_SANDBOX_MARK) or b"\0" + _SANDBOX_MARK in variables:
                    fields_after_name = (folder / "stat").read_text().rpartition(")")[2].split()
                    found[folder.name] = int(fields_after_name[11]) + int(fields_after_name[12])
            except OSError:  # it ended, or is another user's
                continue
        return found

    def _text(self, name: str) -> str:
        return (self._proc / name).read_text(encoding="ascii")


def _probe_of_this_host() -> HostProbe | None:
    try:
        return HostProbe()
    except OSError:
        return None


class HostGuard:
    """Use it as a context: it samples inside, and has its verdict afterwards.

    Where there is no /proc it has no samples, and a verdict without figures.
    """

    def __init__(self, path: Path, probe: HostProbe | None = None, every: float = _EVERY) -> None:
        self._path = path
        self._probe = probe or _probe_of_this_host()
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="host guard", daemon=True)
        self._samples: list[HostSample] = []

    def __enter__(self) -> Self:
        if self._probe is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def verdict(self, clients: Iterable[ClientRow]) -> HostVerdict:
        """Of the time in which these requests were under way."""
        rows = list(clients)
        cold = self._during(row for row in rows if row.start_kind is StartKind.COLD)
        return judge(self._during(rows), os.cpu_count() or 1, cold)

    def _during(self, clients: Iterable[ClientRow]) -> list[HostSample]:
        spans = under_way(clients)
        return [
            sample
            for sample in self._samples
            if _overlaps(sample.at_epoch - self._every, sample.at_epoch, spans)
        ]

    def _watch(self) -> None:
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
