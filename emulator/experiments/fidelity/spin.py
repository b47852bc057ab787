"""The function that spins, its template, and one client that invokes it at a memory size.

The task is a number of turns of a loop, found inside a sandbox with two vCPUs so that they take
the wanted CPU time; every memory size then does the same work.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from emulator.errors import TestbedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FULL_SPEED_MB = 3538
"""Two vCPUs: whatever the kernel charges a period, no quota runs out."""
CGROUPS = Path("/sys/fs/cgroup")
_SAMPLES = 25
_FIRST_TURNS = 20_000
_LONG_ENOUGH = 0.5
"""Of the task: a first try shorter than that is repeated with more turns."""
_TRIES = 12
_ANSWER_WITHIN = 60.0

HANDLER = """\
import time


def handler(event, context):
    if "iterations" not in event:
        with open("/proc/self/cgroup") as file:
            return {"cgroup": file.read()}
    cpu, wall = time.process_time(), time.perf_counter()
    spin(event["iterations"])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall_ms": wall * 1000, "cpu_ms": cpu * 1000}


def spin(turns):
    value = 0
    for turn in range(turns):
        value = (value * 31 + turn) & 0xFFFF
    return value
"""
_HEAD = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
"""
_FUNCTION = """\
  Spin{mb}:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: spin-{mb}
      Runtime: python3.13
      Handler: app.handler
      CodeUri: spin/
      MemorySize: {mb}
      Timeout: 30
"""


def write_functions(folder: Path, sizes: Iterable[int]) -> Path:
    """The template's path; one function a memory size, and one at full speed."""
    (folder / "spin").mkdir(parents=True, exist_ok=True)
    (folder / "spin" / "app.py").write_text(HANDLER, encoding="utf-8")
    template = folder / "template.yaml"
    functions = "".join(_FUNCTION.format(mb=mb) for mb in (*sizes, FULL_SPEED_MB))
    template.write_text(_HEAD + functions, encoding="utf-8")
    return template


def calibrate(cpu_ms_of: Callable[[int], float], task_ms: float) -> Calibration:
    """Begins with samples that take about as long as the task.

    Args:
        cpu_ms_of: the CPU time that so many turns took.
        task_ms: what they are to take.

    Raises:
        TestbedError: no number of turns takes long enough to be measured.
    """
    turns = _FIRST_TURNS
    for _ in range(_TRIES):
        took_ms = cpu_ms_of(turns)
        if took_ms >= _LONG_ENOUGH * task_ms:
            break
        turns = round(turns * min(10.0, task_ms / max(took_ms, 0.001)))
    else:
        raise TestbedError(f"{turns} turns of the loop take {took_ms:g} ms of CPU only.")
    samples = [cpu_ms_of(turns) / turns for _ in range(_SAMPLES)]
    return Calibration(cpu_ms_of, task_ms, deque(samples, maxlen=_SAMPLES))


class Calibration:
    """How many turns take the task's CPU time, by the median of the newest samples.

    A core that is shared changes its speed within seconds. A sample now and then, in turn with
    the invocations, meets the same conditions as they do; many at once meet one moment's.
    """

    def __init__(
        self, cpu_ms_of: Callable[[int], float], task_ms: float, samples_ms: deque[float]
    ) -> None:
        self._cpu_ms_of = cpu_ms_of
        self._task_ms = task_ms
        self._samples_ms = samples_ms
        """CPU time of one turn."""

    @property
    def turns(self) -> int:
        return max(1, round(self._task_ms / statistics.median(self._samples_ms)))

    def sample(self) -> None:
        turns = self.turns
        self._samples_ms.append(self._cpu_ms_of(turns) / turns)


@dataclass(frozen=True, slots=True)
class Answer:
    request_id: str
    body: Any
    sent_at: float
    client_ms: float
    cold: bool


class SpinClient:
    """Invokes one emulator's functions, through Lambda's Invoke API. Close it."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=_ANSWER_WITHIN)
        self._stat: dict[int, Path | None] = {}

    def close(self) -> None:
        self._http.close()

    def invoke(self, memory_mb: int, event: dict[str, int]) -> Answer:
        """
        Raises:
            TestbedError: it was not answered, or with an error.
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
            said = response.text[:300]
            raise TestbedError(f"spin-{memory_mb}: status {response.status_code}, {said}")
        cold = headers.get("x-testbed-start") == "cold"
        return Answer(headers["x-amzn-requestid"], response.json(), sent_at, client_ms, cold)

    def cpu_ms(self, memory_mb: int, turns: int) -> float:
        return float(self.invoke(memory_mb, {"iterations": turns}).body["cpu_ms"])

    def look_up_cgroup(self, memory_mb: int, root: Path = CGROUPS) -> None:
        """Asks the function's sandbox where it is, for `throttling` to read it from outside."""
        self._stat[memory_mb] = cpu_stat(self.invoke(memory_mb, {}).body["cgroup"], root)

    def throttling(self, memory_mb: int) -> tuple[int, float] | None:
        """Periods and ms so far; read from outside, so that it costs the sandbox no quota."""
        path = self._stat.get(memory_mb)
        if path is None:
            return None
        try:
            stat = dict(line.split() for line in path.read_text().splitlines())
        except OSError:
            return None
        if "throttled_usec" in stat:
            return int(stat["nr_throttled"]), int(stat["throttled_usec"]) / 1e3
        return int(stat["nr_throttled"]), int(stat["throttled_time"]) / 1e6


def cpu_stat(membership: str, root: Path) -> Path | None:
    """A sandbox's cpu.stat, by what /proc/self/cgroup says inside of it.

    None where a namespace hides the path from it, or where it is not mounted here.
    """
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        below = path.strip("/")
        if not below or ".." in below:
            continue
        if not controllers:
            mounts = [root, root / "unified"]
        elif "cpu" in controllers.split(","):
            mounts = [root / controllers, root / "cpu"]
        else:
            continue
        for mount in mounts:
            stat = mount / below / "cpu.stat"
            if stat.exists() and "nr_throttled" in stat.read_text():
                return stat
    return None
