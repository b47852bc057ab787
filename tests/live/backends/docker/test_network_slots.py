from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

from emulator.live.backends.docker.network_slots import NetworkSlots
from tests.live.backends.docker.scripted_engine import BRIDGE, engine_that, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _in_turn(*answers: Callable[[asyncio.StreamWriter], None]) -> Any:
    """Gives each answer once, and the last one for ever."""
    left = list(answers)

    def answer(writer: asyncio.StreamWriter) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(writer)

    return answer


def _engine_whose_starts(*starts: Callable[[asyncio.StreamWriter], None]) -> dict[str, Any]:
    done = json_answer(None, "200 OK")
    return {"/create": json_answer({"Id": "c"}), "/start": _in_turn(*starts), "": done}


KILLED_AT_START = json_answer(
    {"message": "OCI runtime create failed: process was killed"}, "500 Oops"
)


NO_SLEEP = json_answer({"message": 'exec: "sleep": executable file not found'}, "400 Bad Request")


STARTED = json_answer(None)


@pytest.mark.anyio
async def test_slot_whose_start_failed_is_tried_again(tmp_path: Path) -> None:
    answers = _engine_whose_starts(KILLED_AT_START, KILLED_AT_START, STARTED)
    async with engine_that(tmp_path, answers) as engine:
        slots = NetworkSlots(engine, "p", {}, 1, 1)
        slots.open(BRIDGE)
        slots.use_image("i")
        await slots.filled()
        assert slots.ready == 1


@pytest.mark.anyio
async def test_no_slot_is_made_beside_a_deployment_nor_more_than_the_cpus_allow(
    tmp_path: Path,
) -> None:
    """On one slow CPU the 32 slots took the deployments' time, and then the requests'."""
    async with engine_that(tmp_path, _engine_whose_starts(STARTED)) as engine:
        slots = NetworkSlots(engine, "p", {}, 32, 128)
        slots.open(BRIDGE, cpus=1)
        with slots.pace.deployment():
            slots.use_image("i")
            await asyncio.sleep(0.3)  # time enough for all of them
            assert slots.ready == 0
        await slots.filled()
        assert slots.ready == 16


@pytest.mark.anyio
async def test_slots_that_cannot_be_made_are_told_in_a_warning_and_tried_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.live.backends.docker.network_slots._PAUSE", 0.0)
    answers = _engine_whose_starts(*[KILLED_AT_START] * 3, STARTED)
    async with engine_that(tmp_path, answers) as engine:
        slots = NetworkSlots(engine, "p", {}, 1, 1)
        slots.open(BRIDGE)
        slots.use_image("i")
        await slots.filled()
        assert slots.ready == 1
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said.startswith("No network slot can be made")
    assert said.endswith("process was killed")


@pytest.mark.anyio
async def test_slots_are_made_of_another_image_where_the_first_has_no_sleep(tmp_path: Path) -> None:
    async with engine_that(tmp_path, _engine_whose_starts(NO_SLEEP, STARTED)) as engine:
        slots = NetworkSlots(engine, "p", {}, 1, 1)
        slots.use_image("without")
        slots.use_image("with")
        slots.open(BRIDGE)
        await slots.filled()
        assert slots.ready == 1


@pytest.mark.anyio
async def test_holder_whose_end_is_told_before_its_start_never_stands(tmp_path: Path) -> None:
    """Its later starts all failed: it was believed to stand, and was given out for ever."""
    slots: NetworkSlots

    def dies(writer: asyncio.StreamWriter) -> None:
        slots.lost("p-slot-1")
        STARTED(writer)

    async with engine_that(tmp_path, _engine_whose_starts(dies, STARTED)) as engine:
        slots = NetworkSlots(engine, "p", {}, 1, 1)
        slots.open(BRIDGE)
        slots.use_image("i")
        await slots.filled()
        assert slots.take() == "p-slot-2"


def _container(**end: object) -> Callable[[asyncio.StreamWriter], None]:
    found = {"State": {"Pid": os.getpid()}, "NetworkSettings": {"Networks": {"bridge": end}}}
    return json_answer(found)


@pytest.mark.anyio
async def test_slot_whose_network_cannot_be_entered_is_used_as_it_is_and_that_is_told_once(
    tmp_path: Path,
) -> None:
    """A container of an IPv6 network, for one, or a machine whose ip(8) is busybox's."""
    answers = {"/json": _container(IPAddress="", Gateway="")} | _engine_whose_starts(STARTED)
    told: list[str] = []
    async with engine_that(tmp_path, answers) as engine:
        slots = NetworkSlots(engine, "p", {}, 3, 3)
        slots.open(BRIDGE, cannot_enter=lambda: told.append("once"))
        slots.use_image("i")
        await slots.filled()
        assert slots.ready == 3
        assert slots.take_entered() is None
    assert told == ["once"]


@pytest.mark.anyio
async def test_no_slot_is_given_out_while_the_engine_is_away_and_those_that_ended_are_replaced(
    tmp_path: Path,
) -> None:
    """Each start joined a network that was gone, and failed."""
    async with engine_that(tmp_path, _engine_whose_starts(STARTED)) as engine:
        slots = NetworkSlots(engine, "p", {}, 2, 2)
        slots.open(BRIDGE)
        slots.use_image("i")
        await slots.filled()
        slots.distrust()
        assert slots.take() is None
        slots.start_is_over()
        slots.give_back(None)
        slots.keep_only({"p-slot-2"})
        await slots.filled()
        assert {slots.take(), slots.take()} == {"p-slot-2", "p-slot-3"}


@pytest.mark.anyio
async def test_slots_are_made_at_once_when_the_engine_is_back(tmp_path: Path) -> None:
    """What failed while the engine was away put them off for half a minute."""
    answers = _engine_whose_starts(*[KILLED_AT_START] * 3, STARTED)
    async with engine_that(tmp_path, answers) as engine:
        slots = NetworkSlots(engine, "p", {}, 1, 1)
        slots.open(BRIDGE)
        slots.use_image("i")
        await slots.filled()
        assert slots.ready == 0
        slots.keep_only(set())
        await slots.filled()
        assert slots.ready == 1
