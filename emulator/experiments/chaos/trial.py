"""Does one fault to a fresh emulator under load, and counts what came of it.

What every trial asks, whatever the fault: does each request get an answer within a bound, and its
own; does the emulator serve again within two seconds of the cause going away; and is nothing left
on the machine when it has ended.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.errors import TestbedError
from emulator.experiments.chaos import shifted_clock
from emulator.experiments.chaos.faults import small_disk
from emulator.experiments.chaos.leftovers import instance, leftovers, packet_filter_rules
from emulator.experiments.chaos.load import HUNG, RIGHT, WRONG, Client, load, seconds_until_service
from emulator.experiments.chaos.template import GOOD
from emulator.experiments.chaos.world import CLEAN_WITHIN, World
from emulator.experiments.runner.emulator_process import EmulatorProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from emulator.experiments.chaos.fault import Fault
    from emulator.experiments.chaos.private_engine import PrivateEngine

SERVICE_WITHIN = 2.0
"""Seconds after the cause is gone."""
_GIVEN_UP_AFTER = 60.0
_INJECTED_WITHIN = 600.0
"""Seconds that a fault may take, and more for each kill of the gateway that was asked for."""
_KILL_WITHIN = CLEAN_WITHIN + 10.0
"""Seconds that a kill may take on the average, until what it leaves is gone and service is back."""
_READY_WITHIN = 300.0
_CLIENTS = 8
_BEFORE, _AFTER = 1.0, 1.0
"""Seconds of load around a fault."""


@dataclass
class Trial:
    """Tells what came of one fault on one backend."""

    fault: str
    what: str
    backend: str
    answers: Mapping[str, int] = field(default_factory=dict)
    """The load's requests by kind of answer."""
    served_after: float | None = None
    """Seconds from the cause's end to the first right answer; None where none came."""
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    """What must not be, a sentence each."""
    skipped: str = ""
    """Why the fault was not done."""


@dataclass(frozen=True, slots=True)
class Place:
    """Says where and how trials run."""

    scratch: Path
    template: Path
    backend: str
    python: str
    seed: int
    kills: int
    engine: Callable[[], PrivateEngine]
    """Starts the engine that serves faults of the engine alone, or returns the one that runs.

    Raises OSError where none can be."""


def try_fault(fault: Fault, place: Place) -> Trial:
    """Starts an emulator, does the fault, ends the emulator, and judges. Bounded in time."""
    folder = _folder(fault, place)
    folder.mkdir(parents=True)
    trial = Trial(fault.name, fault.what, place.backend)
    rules = packet_filter_rules()
    try:
        with ExitStack() as engines:
            engine = None
            if fault.own_engine:
                engine = place.engine()
                engines.enter_context(_asked(engine.address))
            with ExitStack() as disks:
                if fault.own_disk:
                    disks.enter_context(small_disk(folder / fault.own_disk))
                _run(fault, place, folder, trial, engine)
                identity = instance(folder / "state")
            left = _left(folder / "state", identity)
            trial.left = tuple(sorted(left | (packet_filter_rules() - rules)))
    except OSError as error:
        trial.skipped = str(error)
        return trial
    trial.failures = (*trial.failures, *_faults_of(trial, fault))
    return trial


def _folder(fault: Fault, place: Place) -> Path:
    return place.scratch / fault.name.replace(" ", "-").replace("/", "-")


@contextmanager
def _asked(address: str) -> Iterator[None]:
    """Has everything that this process begins ask the engine at an address."""
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = address
    try:
        yield
    finally:
        del os.environ["DOCKER_HOST"]
        if before is not None:
            os.environ["DOCKER_HOST"] = before


def _run(
    fault: Fault, place: Place, folder: Path, trial: Trial, engine: PrivateEngine | None
) -> None:
    emulator, _ = _emulator(place, folder, own_clock=fault.own_clock)
    try:
        with emulator:
            asyncio.run(_disturb(fault, place, emulator, trial, engine))
    except TestbedError as error:
        trial.failures = (*trial.failures, str(error))


def _emulator(
    place: Place, folder: Path, *, own_clock: bool = False
) -> tuple[EmulatorProcess, Path]:
    state = folder / "state"
    options = [
        *("--backend", place.backend, "--template", str(place.template)),
        *("--state-dir", str(state), "--keep-alive", "600", "--no-companion"),
    ]
    process = EmulatorProcess(
        options,
        folder / "emulator.log",
        ready_within=_READY_WITHIN,
        tell=lambda _: None,
        python=place.python,
        module=shifted_clock.__name__ if own_clock else "emulator.cli",
        environ={shifted_clock.VARIABLE: str(folder / "clock")},
    )
    return process, state


async def _disturb(
    fault: Fault,
    place: Place,
    emulator: EmulatorProcess,
    trial: Trial,
    engine: PrivateEngine | None,
) -> None:
    folder, client = _folder(fault, place), Client(emulator.url)
    world = World(
        place.backend,
        emulator,
        client,
        folder / "state",
        random.Random(f"{place.seed} {fault.name}"),  # noqa: S311  # moments, not secrets
        place.kills,
        lambda: _emulator(place, _made(folder / "another")),
        engine,
        str(folder / "clock"),
    )
    try:
        async with load(client, GOOD, _CLIENTS) as answers:
            await asyncio.sleep(_BEFORE)
            async with asyncio.timeout(within := _within(place)):
                await fault.inject(world)
            trial.served_after = await seconds_until_service(client, GOOD, _GIVEN_UP_AFTER)
            await asyncio.sleep(_AFTER)
    except TimeoutError:
        world.failures.append(f"The fault was not over within {within:g} s.")
    finally:
        await client.close()
        trial.answers = dict(answers.kinds)
        if world.own:
            counted = ", ".join(f"{number} {kind}" for kind, number in world.own.most_common())
            world.notes.append(f"Its own requests: {counted}.")
        if world.own.keys() & {HUNG, WRONG}:
            world.failures.append(world.notes[-1])
        trial.notes, trial.failures = tuple(world.notes), tuple(world.failures)


def _within(place: Place) -> float:
    return _INJECTED_WITHIN + _KILL_WITHIN * place.kills


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _left(state: Path, identity: str) -> set[str]:
    """Returns what is left of an emulator that has ended, once it is nothing or time is up."""
    end = time.monotonic() + CLEAN_WITHIN
    while (left := leftovers(state, identity)) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def _faults_of(trial: Trial, fault: Fault) -> list[str]:
    answers, found = trial.answers, []
    if hung := answers.get(HUNG, 0):
        found.append(f"{hung} requests were not answered.")
    if wrong := answers.get(WRONG, 0):
        found.append(f"{wrong} requests were answered wrongly.")
    if trial.served_after is None:
        found.append(f"No service for {_GIVEN_UP_AFTER:g} s after the cause was gone.")
    elif trial.served_after > SERVICE_WITHIN:
        found.append(f"Service came back after {trial.served_after:.1f} s.")
    others = sum(answers.values()) - answers.get(RIGHT, 0)
    if fault.spares_others and others:
        found.append(f"{others} requests of others were disturbed.")
    if trial.left:
        found.append(f"{len(trial.left)} things were left: {'; '.join(trial.left[:5])}")
    return found
