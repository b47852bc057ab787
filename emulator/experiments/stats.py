"""Figures of a run, from its raw requests: percentiles a function, and series over time.

A percentile is numpy's `linear` one: of n sorted values, that at position q · (n - 1), the two
neighbours weighed where the position lies between them. Nothing is rounded or put in buckets.

The figures of a function come from one side alone: from its clients where any wrote rows, else
from the emulator. Latencies are those of requests that were answered; errors are counted apart,
as a throttle that is refused in a millisecond would else make a function look fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from emulator.core.model import StartKind
from emulator.core.records import Status
from emulator.experiments.run_directory import join

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from emulator.core.records import SandboxRecord
    from emulator.experiments.run_directory import Request, Run


class Side(StrEnum):
    """Who took the time of a request."""

    CLIENT = "client"
    EMULATOR = "emulator"


@dataclass(frozen=True, slots=True)
class Sample:
    """One request from the side that its function's figures come from."""

    at: float
    """When it was sent, in seconds since the epoch."""
    latency_ms: float
    start: StartKind | None
    """None where it never reached a sandbox that was ready."""
    failed: bool
    users: int | None
    """None where no client told."""


@dataclass(frozen=True, slots=True)
class FunctionRequests:
    function: str
    side: Side
    samples: tuple[Sample, ...]
    """In the order of their times."""
    unclaimed: int
    """Invocations that no client row tells of, where the figures are the clients'."""


@dataclass(frozen=True, slots=True)
class FunctionStats:
    """One line of the table; a time is None where there is nothing to take it from."""

    function: str
    side: Side
    requests: int
    cold_starts: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    p50_cold_ms: float | None
    p50_warm_ms: float | None
    init_p50_ms: float | None
    """From the started process to its first `next`, of all sandboxes that became ready."""
    peak_sandboxes: int
    unclaimed: int


@dataclass(frozen=True, slots=True)
class Series:
    """What happened second by second; each request counts for the second it was sent in.

    A cold start so shows when its user came, and not when the answer did. Latencies are NaN in a
    second without an answered request, users NaN where no client told.
    """

    function: str
    seconds: NDArray[np.int64]
    """Since the run's first request."""
    hits: NDArray[np.int64]
    max_ms: NDArray[np.float64]
    mean_ms: NDArray[np.float64]
    users: NDArray[np.float64]
    cold_starts: NDArray[np.int64]


def percentile(values: Sequence[float], percent: float) -> float | None:
    """None of nothing."""
    return float(np.percentile(values, percent, method="linear")) if len(values) else None


def requests_by_function(run: Run) -> list[FunctionRequests]:
    """In the order of the template, then by name."""
    grouped: dict[str, list[Request]] = {}
    for request in join(run):
        grouped.setdefault(request.function, []).append(request)
    order = {name: place for place, name in enumerate(run.info.functions)}
    names = sorted(grouped, key=lambda name: (order.get(name, len(order)), name))
    return [_one_side(name, grouped[name], run.info.started_at) for name in names]


def function_stats(run: Run) -> list[FunctionStats]:
    return [
        _stats(requests, [s for s in run.sandboxes if s.function == requests.function])
        for requests in requests_by_function(run)
    ]


def peak_overlap(spans: Iterable[tuple[float, float]]) -> int:
    """How many of the spans (start, end) hold at once; one that ends makes room for one that
    starts at the same time.
    """
    steps = sorted(step for start, end in spans for step in ((start, 1), (end, -1)))
    peak = now = 0
    for _, change in steps:
        now += change
        peak = max(peak, now)
    return peak


def series(requests: FunctionRequests, origin: float) -> Series:
    """`origin` is the epoch time of the run's first request."""
    first = math.floor(requests.samples[0].at - origin)
    length = math.floor(requests.samples[-1].at - origin) - first + 1
    buckets: list[list[Sample]] = [[] for _ in range(length)]
    for sample in requests.samples:
        buckets[math.floor(sample.at - origin) - first].append(sample)
    latencies = [[s.latency_ms for s in bucket if not s.failed] for bucket in buckets]
    return Series(
        function=requests.function,
        seconds=np.arange(first, first + length),
        hits=np.array([len(bucket) for bucket in buckets]),
        max_ms=np.array([max(values, default=math.nan) for values in latencies]),
        mean_ms=np.array([np.mean(values) if values else math.nan for values in latencies]),
        users=_users(buckets),
        cold_starts=np.array(
            [sum(s.start is StartKind.COLD for s in bucket) for bucket in buckets]
        ),
    )


def all_series(run: Run) -> list[Series]:
    """One of each function, on one time axis that begins with the run's first request."""
    by_function = requests_by_function(run)
    origin = min((r.samples[0].at for r in by_function), default=0.0)
    return [series(requests, origin) for requests in by_function]


def _users(buckets: list[list[Sample]]) -> NDArray[np.float64]:
    """The most that were told in each second; kept through seconds in which nobody asked."""
    users = np.full(len(buckets), math.nan)
    for second, bucket in enumerate(buckets):
        told = [s.users for s in bucket if s.users is not None]
        users[second] = max(told) if told else (users[second - 1] if second else math.nan)
    return users


def _one_side(function: str, requests: list[Request], started_at: float) -> FunctionRequests:
    seen = [request for request in requests if request.client is not None]
    if seen:
        samples = [_client_sample(request) for request in seen]
        side, unclaimed = Side.CLIENT, len(requests) - len(seen)
    else:
        samples = [_emulator_sample(request, started_at) for request in requests]
        side, unclaimed = Side.EMULATOR, 0
    return FunctionRequests(
        function, side, tuple(sorted(samples, key=lambda sample: sample.at)), unclaimed
    )


def _client_sample(request: Request) -> Sample:
    row, record = request.client, request.record
    assert row is not None
    # the journal is the truth of the run; the header that the client saw stands in for it
    start = record.start if record is not None else row.start_kind
    failed = row.status != 200 or bool(row.error)  # noqa: PLR2004  # HTTP's own number
    return Sample(row.start, row.latency_ms, start, failed, row.users)


def _emulator_sample(request: Request, started_at: float) -> Sample:
    record = request.record
    assert record is not None
    return Sample(
        at=started_at + record.requested_at,
        latency_ms=record.latency * 1000,
        start=record.start,
        failed=record.status is not Status.OK,
        users=None,
    )


def _stats(requests: FunctionRequests, sandboxes: list[SandboxRecord]) -> FunctionStats:
    answered = [s for s in requests.samples if not s.failed]
    latencies = [s.latency_ms for s in answered]
    inits = [(s.anatomy.connect + s.anatomy.init) * 1000 for s in sandboxes if s.anatomy]
    alive = [(s.started_at, math.inf if s.gone_at is None else s.gone_at) for s in sandboxes]
    return FunctionStats(
        function=requests.function,
        side=requests.side,
        requests=len(requests.samples),
        cold_starts=sum(s.start is StartKind.COLD for s in requests.samples),
        errors=len(requests.samples) - len(answered),
        p50_ms=percentile(latencies, 50),
        p95_ms=percentile(latencies, 95),
        p99_ms=percentile(latencies, 99),
        max_ms=max(latencies, default=None),
        p50_cold_ms=percentile([s.latency_ms for s in answered if s.start is StartKind.COLD], 50),
        p50_warm_ms=percentile([s.latency_ms for s in answered if s.start is StartKind.WARM], 50),
        init_p50_ms=percentile(inits, 50),
        peak_sandboxes=peak_overlap(alive),
        unclaimed=requests.unclaimed,
    )
