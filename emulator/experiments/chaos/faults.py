"""Names the faults, and does each to a running emulator.

A fault's `inject` returns when its cause is gone. What the load's requests meet in between is
counted by the trial; a fault that must not be felt by others says so in `spares_others`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from emulator.experiments.chaos import suspension
from emulator.experiments.chaos.engine_faults import ENGINE_FAULTS
from emulator.experiments.chaos.fault import ONLY_DOCKER, Fault
from emulator.experiments.chaos.load import RIGHT
from emulator.experiments.chaos.shifted_clock import shift
from emulator.experiments.chaos.suspension import suspended
from emulator.experiments.chaos.template import BAD, GOOD, SLOW
from emulator.experiments.chaos.world import PROCESS, to_container
from emulator.experiments.records.run_directory import read_run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from emulator.experiments.chaos.world import World

_CLOCK_STAYS = 1.0
"""Seconds from one jump of the clock to the next."""
_DISK_MB = 32
_CLIENTS = 300
"""Clients that behave badly at once."""


async def _sandboxes_killed(world: World) -> None:
    for _ in range(20):
        await world.kill_some_sandbox()
        await world.pause(0.05, 0.2)


async def _killed_in_init(world: World) -> None:
    for _ in range(5):
        asked = asyncio.create_task(world.client.ask(SLOW))
        await world.pause(0.1, 0.9)
        await world.kill_some_sandbox()
        world.own[await asked] += 1


async def _containers_paused(world: World) -> None:
    for _ in range(3):
        paused = (await world.containers())[:3]
        for container in paused:
            await to_container(container, "pause")
        await asyncio.sleep(1)
        for container in paused:
            await to_container(container, "unpause")


async def _containers_removed(world: World) -> None:
    for _ in range(5):
        if containers := await world.containers():
            await to_container(world.chance.choice(containers), "remove")
        await world.pause(0.1, 0.5)


async def _slot_holders_killed(world: World) -> None:
    for _ in range(5):
        if holders := await world.containers(slots=True):
            await to_container(world.chance.choice(holders), "kill")
        world.own.update(await asyncio.gather(*(world.client.ask(SLOW) for _ in range(4))))


def _disk_full(folder: str) -> Callable[[World], Awaitable[None]]:
    async def inject(world: World) -> None:
        full = world.state / folder / "full"
        with suppress(OSError), full.open("wb") as file:
            while file.write(b"\0" * 65_536):
                file.flush()
        await asyncio.sleep(3)
        full.unlink()

    return inject


async def _clock_set(world: World) -> None:
    for hours in (1, -1, 24, 0):
        shift(hours * 3600.0, world.clock)
        await asyncio.sleep(_CLOCK_STAYS)


def _misbehaving(do: str, times: int = 3) -> Callable[[World], Awaitable[None]]:
    async def inject(world: World) -> None:
        asked = [world.client.ask(BAD, do=do) for _ in range(times)]
        world.own.update(await asyncio.gather(*asked))

    return inject


async def _half_closed_clients(world: World) -> None:
    async def one() -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.emulator.port)
        writer.write(_request({"token": "half"}))
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 40)
        writer.close()
        return RIGHT if answer.endswith(b'{"token": "half"}') else "no right answer"

    gathered = await asyncio.gather(*(one() for _ in range(_CLIENTS)), return_exceptions=True)
    world.own.update(one if isinstance(one, str) else type(one).__name__ for one in gathered)


async def _slow_clients(world: World) -> None:
    request = _request({"token": "slow"})[:30]

    async def one() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", world.emulator.port)
        for byte in request:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.1)
        writer.transport.abort()

    await asyncio.gather(*(one() for _ in range(_CLIENTS)), return_exceptions=True)


def _request(event: dict[str, str]) -> bytes:
    body = json.dumps(event)
    return (
        f"POST /2015-03-31/functions/{GOOD}/invocations HTTP/1.1\r\nHost: x\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def _resetting_clients(world: World) -> None:
    def one() -> None:
        with socket.create_connection(("127.0.0.1", world.emulator.port), timeout=5) as client:
            client.sendall(_request({"token": "gone"}))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    await asyncio.gather(*(asyncio.to_thread(one) for _ in range(100)), return_exceptions=True)


def _burst(width: int, within: float, of: str = GOOD) -> Callable[[World], Awaitable[None]]:
    async def inject(world: World) -> None:
        asked = [world.client.ask(of, within=within, seconds=0.2) for _ in range(width)]
        world.own.update(await asyncio.gather(*asked))

    return inject


async def _gateway_killed(world: World) -> None:
    longest = 0.0
    for _ in range(world.kills):
        await world.pause(0.1, 1.5)
        await asyncio.to_thread(world.emulator.kill)
        longest = max(longest, await world.wait_until_clean(world.state))
        await asyncio.to_thread(world.emulator.start)
    world.notes.append(
        f"Killed {world.kills} times; nothing was left after at most {longest:.1f} s."
    )


async def _journal_torn(world: World) -> None:
    await asyncio.sleep(1)
    await asyncio.to_thread(world.emulator.kill)
    await world.wait_until_clean(world.state)
    run = max((world.state / "runs").iterdir())
    journal = next(path for path in run.iterdir() if path.name.startswith("journal"))
    os.truncate(journal, journal.stat().st_size - 7)
    invocations = len((await asyncio.to_thread(read_run, run)).invocations)
    world.notes.append(f"The torn run is read: {invocations:,} invocations.")
    await asyncio.to_thread(world.emulator.start)


async def _another_emulator_killed(world: World) -> None:
    other, state = world.another()
    try:
        await asyncio.to_thread(other.start)
        await asyncio.sleep(1)
        await asyncio.to_thread(other.kill)
    finally:
        await asyncio.to_thread(other.stop)
    await world.wait_until_clean(state)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mounts a small file system in memory at a folder, inside the context.

    Raises:
        OSError: The machine refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or unmount is None:
        raise PermissionError("a disk of its own needs root and mount(8)")
    options = ["-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs"]
    subprocess.run([mount, *options, str(folder)], check=True, timeout=10)
    try:
        yield
    finally:
        subprocess.run([unmount, "--lazy", str(folder)], check=False, timeout=10)


_KILLED = "A process or container of any sandbox is killed, 20 times."
_IN_INIT = "A sandbox is killed while functions start that take a second for it."

FAULTS: tuple[Fault, ...] = (
    Fault("sandboxes killed", _KILLED, _sandboxes_killed),
    Fault("sandboxes killed in init", _IN_INIT, _killed_in_init),
    Fault(
        "containers paused",
        "Containers are paused from outside for a second, idle or busy.",
        _containers_paused,
        ONLY_DOCKER,
    ),
    Fault(
        "containers removed",
        "Containers are removed by force from outside, five times.",
        _containers_removed,
        ONLY_DOCKER,
    ),
    Fault(
        "slot holders killed",
        "Containers that hold network slots are killed, and sandboxes started.",
        _slot_holders_killed,
        ONLY_DOCKER,
    ),
    Fault(
        "disk full",
        "The disk under the journal is full for three seconds.",
        _disk_full("runs"),
        spares_others=True,
        own_disk="state/runs",
    ),
    Fault(
        "state disk full",
        "The disk under the state directory is full for three seconds, journal and all.",
        _disk_full("."),
        spares_others=True,
        own_disk="state",
    ),
    Fault(
        "clock set",
        "The wall clock jumps: an hour ahead, two back, 25 ahead, and to the true time.",
        _clock_set,
        spares_others=True,
        own_clock=True,
    ),
    Fault("machine suspended", suspension.WHAT, suspended, spares_others=True, own_clock=True),
    *(
        Fault(name, what, _misbehaving(do), spares_others=True)
        for name, do, what in (
            ("answers twice", "answer-twice", "A function answers, and its runtime once more."),
            ("answers late", "answer-late", "A function answers a second after its timeout."),
            ("writes garbage", "write-garbage", "A function writes noise to its Runtime API."),
            ("answers half", "answer-half", "A function dies in the middle of its answer."),
            ("never answers", "stop-itself", "A runtime stops itself and never answers."),
            ("forks", "fork", "A function forks as often as it may, and leaves all behind."),
            ("fills /tmp", "fill-tmp", "A function writes /tmp full."),
            ("floods its log", "flood", "Three sandboxes write 100 MB each to stdout."),
            ("ignores SIGTERM", "ignore-sigterm", "A function outlasts its timeout and SIGTERM."),
            ("daemonises", "daemonise", "A function leaves a process in a session of its own."),
            ("eats descriptors", "eat-descriptors", "A function opens all files that it may."),
        )
    ),
    Fault(
        "half-closed clients",
        f"{_CLIENTS} clients close their sending side after the request.",
        _half_closed_clients,
        spares_others=True,
    ),
    Fault(
        "slow clients",
        f"{_CLIENTS} clients send a byte each tenth of a second, and go away.",
        _slow_clients,
        spares_others=True,
    ),
    Fault(
        "resetting clients",
        "100 clients send a request and reset the connection.",
        _resetting_clients,
        spares_others=True,
    ),
    Fault(
        "hundred cold at once",
        "100 requests come at once for a function that has no sandbox yet.",
        _burst(100, within=120.0, of=BAD),
    ),
    Fault("burst of 200", "200 requests come at once.", _burst(200, within=120.0)),
    Fault(
        "thousand sandboxes",
        "1,000 requests come at once, of 128 MB each.",
        _burst(1000, within=180.0),
        frozenset({PROCESS}),
    ),
    Fault("gateway killed", "kill -9 of the gateway at random moments.", _gateway_killed),
    Fault(
        "journal torn",
        "The last line of a killed gateway's journal is cut.",
        _journal_torn,
    ),
    Fault(
        "another emulator killed",
        "A second emulator on the same machine and engine is killed.",
        _another_emulator_killed,
        spares_others=True,
    ),
    *ENGINE_FAULTS,
)
