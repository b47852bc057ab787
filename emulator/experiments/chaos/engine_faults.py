"""Does faults to a Docker engine that runs for them alone, never to the machine's."""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING

from emulator.experiments.chaos.fault import ONLY_DOCKER, Fault

if TYPE_CHECKING:
    from emulator.experiments.chaos.private_engine import PrivateEngine
    from emulator.experiments.chaos.world import World

_AWAY = 1.0
"""Seconds without an engine."""
_COMMAND_WITHIN = 120.0


def _engine(world: World) -> PrivateEngine:
    assert world.engine is not None, "the trial has started one"
    return world.engine


async def _stopped(world: World) -> None:
    engine = _engine(world)
    await asyncio.to_thread(engine.stop)
    await asyncio.sleep(_AWAY)
    await asyncio.to_thread(engine.start)


async def _killed(world: World) -> None:
    engine = _engine(world)
    await asyncio.to_thread(engine.kill)
    await asyncio.sleep(_AWAY)
    await asyncio.to_thread(engine.start)


async def _containerd_killed(world: World) -> None:
    engine = _engine(world)
    await asyncio.to_thread(engine.kill_containerd)
    await asyncio.to_thread(engine.wait_until_it_serves)


def engine_fault(command: str) -> Fault:
    """Returns the fault that a command of the user makes.

    The command finds the engine's address in DOCKER_HOST and its process id in ENGINE_PID; an
    engine that has ended is started again afterwards.
    """

    async def inject(world: World) -> None:
        engine = _engine(world)
        environ = {**os.environ, "ENGINE_PID": str(engine.pid)}
        done = await asyncio.to_thread(
            subprocess.run,
            ["/bin/sh", "-c", command],
            timeout=_COMMAND_WITHIN,
            check=False,
            env=environ,
        )
        world.notes.append(f"The command ended with {done.returncode}.")
        await asyncio.to_thread(engine.ensure)

    return Fault(f"engine: {command}", "A command is run.", inject, ONLY_DOCKER, own_engine=True)


ENGINE_FAULTS = (
    Fault(
        "engine stopped",
        "The Docker engine is stopped, which ends all containers, and started after a second.",
        _stopped,
        ONLY_DOCKER,
        own_engine=True,
    ),
    Fault(
        "engine killed",
        "The Docker engine is killed with its containerd, and started after a second.",
        _killed,
        ONLY_DOCKER,
        own_engine=True,
    ),
    Fault(
        "containerd killed",
        "The engine's containerd is killed.",
        _containerd_killed,
        ONLY_DOCKER,
        own_engine=True,
    ),
)
