"""Holds what a fault can reach: the emulator under load, its client, its sandboxes from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import docker

from emulator.experiments.chaos.leftovers import instance, leftovers, sandbox_processes

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from docker.models.containers import Container

    from emulator.experiments.chaos.load import Client
    from emulator.experiments.chaos.private_engine import PrivateEngine
    from emulator.experiments.runner.emulator_process import EmulatorProcess

DOCKER = "docker"
PROCESS = "process"
CLEAN_WITHIN = 20.0
"""Seconds that whatever clears up after a killed emulator may take."""
_LABEL = "serverless-testbed.instance"
_SLOT = "serverless-testbed.kind=slot"
_LOOK_EVERY = 0.1


@dataclass
class World:
    """Holds the emulator, the chance and the clients that one fault happens to."""

    backend: str
    emulator: EmulatorProcess
    client: Client
    state: Path
    """The emulator's state folder."""
    chance: random.Random
    kills: int
    """How often a fault that kills the gateway does so."""
    another: Callable[[], tuple[EmulatorProcess, Path]]
    """Prepares a second emulator of the same backend, and names its own state folder."""
    engine: PrivateEngine | None = None
    """The engine that the emulator uses, where the fault has one of its own."""
    clock: str = ""
    """What sets the emulator's clock, where the fault may; see `shifted_clock`."""
    own: Counter[str] = field(default_factory=Counter)
    """The requests that the fault itself made, by kind of answer."""
    notes: list[str] = field(default_factory=list)
    """Sentences for the report."""
    failures: list[str] = field(default_factory=list)
    """What must not be, besides what every trial counts."""

    async def pause(self, least: float, most: float) -> None:
        """Waits for a time between two numbers of seconds, by the trial's chance."""
        await asyncio.sleep(self.chance.uniform(least, most))

    async def containers(self, *, slots: bool = False) -> list[Container]:
        """Returns the running containers of the emulator: of its sandboxes, or its slots'."""

        def listed() -> list[Container]:
            engine = docker.from_env(timeout=20)
            label = f"{_LABEL}={instance(self.state)}"
            found = {one.id: one for one in engine.containers.list(filters={"label": label})}
            holders = engine.containers.list(filters={"label": [label, _SLOT]})
            slot_ids = {one.id for one in holders}
            return [one for id_, one in found.items() if (id_ in slot_ids) is slots]

        return await asyncio.to_thread(listed)

    async def kill_some_sandbox(self) -> None:
        """Kills a container of a sandbox, or one process of any sandbox, chosen by chance."""
        if self.backend == DOCKER:
            if containers := await self.containers():
                await to_container(self.chance.choice(containers), "kill")
        elif processes := await asyncio.to_thread(sandbox_processes, self.state):
            with suppress(ProcessLookupError):
                os.kill(self.chance.choice(sorted(processes)), signal.SIGKILL)

    async def wait_until_clean(self, state: Path) -> float:
        """Returns after how many seconds nothing is left of a killed emulator.

        What is left at the end of a bounded time is a failure of the trial.
        """
        begun = time.monotonic()
        while (took := time.monotonic() - begun) < CLEAN_WITHIN:
            if not (left := await asyncio.to_thread(leftovers, state)):
                return took
            await asyncio.sleep(_LOOK_EVERY)
        self.failures.append(f"Left by a killed emulator: {'; '.join(sorted(left)[:5])}")
        return took


async def to_container(container: Container, verb: str) -> None:
    """Does to a container what is asked, or nothing where the container is gone."""
    verbs: dict[str, Callable[[], object]] = {
        "kill": container.kill,
        "pause": container.pause,
        "unpause": container.unpause,
        "remove": lambda: container.remove(force=True),
    }
    with suppress(docker.errors.APIError):
        await asyncio.to_thread(verbs[verb])
