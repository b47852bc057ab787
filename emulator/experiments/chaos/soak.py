"""Lets an emulator serve half of what it can for a while, with deployments, and looks what grows.

The capacity is measured first, by clients that ask without a pause. Then as many ask at half
that rate, and a function beside theirs is deployed again and again.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import tempfile
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil

from emulator.experiments.chaos.leftovers import leftovers
from emulator.experiments.chaos.load import Client, load
from emulator.experiments.chaos.slopes import BLOCKS
from emulator.experiments.chaos.template import GOOD, SLOW, write_functions
from emulator.experiments.runner.emulator_process import EmulatorProcess, stoppable

if TYPE_CHECKING:
    from collections.abc import Callable

_CLIENTS = 8
_CAPACITY_S = 5.0
"""Seconds in which the capacity is measured."""
_SAMPLE_EVERY = 1.0
_DEPLOY_EVERY = 10.0
"""Seconds from one deployment to the next."""
_DEPLOYED_WITHIN = 60.0
"""Seconds that the first deployment is waited for at the end, where a soak is short."""
_WARM_UP = 0.25
"""Share of the time after which samples count: journal and logs are at their limits then."""
_LIMIT_MB = 2
"""Limit of the journal and of the logs, to be reached soon."""
_READY_WITHIN = 300.0
_CLEAN_WITHIN = 20.0


@dataclass
class Soak:
    """Tells what a soak saw; all lists have a value for each sample."""

    backend: str
    capacity: float = 0.0
    """Right answers a second of clients that ask without a pause."""
    answers: Counter[str] = field(default_factory=Counter)
    deployments: Counter[str] = field(default_factory=Counter)
    """Deployments by HTTP status."""
    seconds: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    descriptors: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)
    disk_mb: list[float] = field(default_factory=list)
    """Size of the state directory."""
    latency_ms: list[float] = field(default_factory=list)
    """Mean of the requests that were answered since the sample before."""
    left: tuple[str, ...] = ()
    """What was there of the emulator when it had ended."""

    def series(self) -> dict[str, list[float]]:
        """Returns the sampled quantities by name."""
        return {
            "memory (MB)": self.memory_mb,
            "descriptors": self.descriptors,
            "threads": self.threads,
            "disk (MB)": self.disk_mb,
            "latency (ms)": self.latency_ms,
        }


def soak(backend: str, minutes: float, tell: Callable[[str], None]) -> Soak:
    """Serves for some minutes after a warm-up of a quarter of that time; then ends the emulator."""
    result = Soak(backend)
    with stoppable(), tempfile.TemporaryDirectory(prefix="testbed-soak-") as scratch:
        folder = Path(scratch)
        state = folder / "state"
        options = [
            *("--backend", backend, "--template", str(write_functions(folder / "functions"))),
            *("--state-dir", str(state), "--keep-alive", "600", "--no-companion"),
            *("--journal-limit", str(_LIMIT_MB), "--log-limit", str(_LIMIT_MB)),
        ]
        process = EmulatorProcess(
            options, folder / "emulator.log", ready_within=_READY_WITHIN, tell=lambda _: None
        )
        with process:
            asyncio.run(_soak(process, state, minutes * 60.0, result, tell))
        end = time.monotonic() + _CLEAN_WITHIN
        while (left := leftovers(state)) and time.monotonic() < end:
            time.sleep(_SAMPLE_EVERY / 5)
        result.left = tuple(sorted(left))
    return result


async def _soak(
    process: EmulatorProcess,
    state: Path,
    seconds: float,
    result: Soak,
    tell: Callable[[str], None],
) -> None:
    client = Client(process.url)
    try:
        await client.ask(GOOD)
        async with load(client, GOOD, _CLIENTS) as answers:
            await asyncio.sleep(_CAPACITY_S)
        result.capacity = answers.sent / _CAPACITY_S
        tell(f"{result.capacity:,.0f} requests a second; half of that for {seconds:.0f} s")
        clients = _Clients(client, result, pause=2 * _CLIENTS / result.capacity)
        async with asyncio.TaskGroup() as tasks:
            begun = [tasks.create_task(clients.ask()) for _ in range(_CLIENTS)]
            deployed = asyncio.Event()
            begun.append(tasks.create_task(_deploy(process.url, result, deployed)))
            await asyncio.sleep(_WARM_UP * seconds)
            await _sample(process.pid, state, seconds, result, clients)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(deployed.wait(), _DEPLOYED_WITHIN)
            clients.over = True
            begun[-1].cancel()
    finally:
        await client.close()


class _Clients:
    """Asks at an even pace, each time after the answer to the request before."""

    def __init__(self, client: Client, result: Soak, pause: float) -> None:
        self._client = client
        self._result = result
        self._pause = pause
        self._times: list[float] = []
        self.over = False

    async def ask(self) -> None:
        due = time.monotonic()
        while not self.over:
            begun = time.monotonic()
            self._result.answers[await self._client.ask(GOOD)] += 1
            self._times.append(time.monotonic() - begun)
            # whoever is late does not make up for it
            due = max(due + self._pause, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def latency_ms(self) -> float:
        """Returns the mean since the last call; 0 where nothing was answered."""
        times, self._times = self._times, []
        return 1000.0 * sum(times) / len(times) if times else 0.0


async def _deploy(url: str, result: Soak, deployed: asyncio.Event) -> None:
    """Deploys one of two codes in turn: more would be an image each, that nobody removes."""
    async with httpx.AsyncClient(base_url=url, timeout=60.0) as http:
        while True:
            for number in range(2):
                await asyncio.sleep(_DEPLOY_EVERY)
                answer = await http.put(
                    f"/2015-03-31/functions/{SLOW}-again/code", json={"ZipFile": _zipped(number)}
                )
                if answer.status_code == httpx.codes.NOT_FOUND:
                    answer = await http.post("/2015-03-31/functions", json=_function(number))
                result.deployments[str(answer.status_code)] += 1
                deployed.set()


def _zipped(number: int) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", f"def handler(event, context):\n    return {number}\n")
    return base64.b64encode(buffer.getvalue()).decode()


def _function(number: int) -> dict[str, object]:
    return {
        "FunctionName": f"{SLOW}-again",
        "Runtime": "python3.13",
        "Handler": "app.handler",
        "Role": "arn:aws:iam::000000000000:role/soak",
        "Code": {"ZipFile": _zipped(number)},
    }


async def _sample(pid: int, state: Path, seconds: float, result: Soak, clients: _Clients) -> None:
    gateway, begun = psutil.Process(pid), time.monotonic()
    clients.latency_ms()
    while (at := time.monotonic() - begun) < seconds or len(result.seconds) < BLOCKS:
        await asyncio.sleep(_SAMPLE_EVERY)
        result.seconds.append(at)
        result.memory_mb.append(gateway.memory_info().rss / (1 << 20))
        result.descriptors.append(gateway.num_fds())
        result.threads.append(gateway.num_threads())
        result.disk_mb.append(await asyncio.to_thread(_size_mb, state))
        result.latency_ms.append(clients.latency_ms())


def _size_mb(folder: Path) -> float:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except OSError:  # it was removed meanwhile
            continue
    return total / (1 << 20)
