"""Invokes the function that spins at a memory size, through the emulator's Invoke API."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from emulator.errors import TestbedError
from emulator.experiments.fidelity.throttling import (
    CGROUPS,
    CpuStatSource,
    find_cpu_stat,
    parse_cpu_stat,
)

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.fidelity.throttling import Throttling

_ANSWER_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Holds one invocation's answer, and when and how it came."""

    request_id: str
    body: Any
    sent_at: float
    """Seconds since the epoch."""
    client_ms: float
    """Time from the request to its answer, as the client saw it."""
    cold: bool


class SpinClient:
    """Invokes the functions of one emulator; to be closed."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=_ANSWER_WITHIN)
        self._sources: dict[int, CpuStatSource] = {}

    def close(self) -> None:
        self._http.close()

    def invoke(self, memory_mb: int, event: dict[str, Any]) -> Answer:
        """Invokes the function of that size.

        Raises:
            TestbedError: the answer is an error, or none came.
        """
        sent_at, begun = time.time(), time.perf_counter()
        path = f"/2015-03-31/functions/spin-{memory_mb}/invocations"
        try:
            response = self._http.post(path, content=json.dumps(event))
        except httpx.HTTPError as error:
            raise TestbedError(f"spin-{memory_mb} was not answered: {error!r}") from error
        client_ms = (time.perf_counter() - begun) * 1000
        headers = response.headers
        if response.status_code != httpx.codes.OK or "x-amz-function-error" in headers:
            raise TestbedError(
                f"spin-{memory_mb} failed with status {response.status_code}: {response.text[:300]}"
            )
        cold = headers.get("x-testbed-start") == "cold"
        return Answer(headers["x-amzn-requestid"], response.json(), sent_at, client_ms, cold)

    def cpu_ms(self, memory_mb: int, turns: int) -> float:
        """Returns the CPU time, in ms, of a number of turns of the function's loop."""
        return float(self.invoke(memory_mb, {"iterations": turns}).body["cpu_ms"])

    def find_cpu_stat(self, memory_mb: int, root: Path = CGROUPS) -> None:
        """Asks the function's sandbox for its place, so that `spin` knows its throttling."""
        self._sources[memory_mb] = find_cpu_stat(self.invoke(memory_mb, {}).body, root)

    def spin(self, memory_mb: int, turns: int) -> tuple[Answer, Throttling | None]:
        """Runs the task once; the throttling meanwhile is None where no cgroup tells."""
        source = self._sources.get(memory_mb, CpuStatSource())
        before = source.read()
        event = {"iterations": turns} | ({"read_cpu_stat": True} if source.inside else {})
        answer = self.invoke(memory_mb, event)
        after = source.read()
        if source.inside:
            before, after = (parse_cpu_stat(text) for text in answer.body["cpu_stat"])
        return answer, after.since(before) if before and after else None
