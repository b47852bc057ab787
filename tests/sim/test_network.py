"""What simulated clients lose on their way, and what the journal tells of that."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from emulator.core.messages.events import InvokeRequested
from emulator.core.model import FunctionVersion
from emulator.core.network_path import (
    Connection,
    Constant,
    NetworkPath,
    Passage,
    RoundTrips,
    Trust,
    WayIn,
    always,
    evenly,
)
from emulator.core.placement import Placement
from emulator.core.policy import SchedulerSettings
from emulator.core.record_fold import fold
from emulator.core.scheduler import Scheduler
from emulator.sim.behaviour import Behaviour
from emulator.sim.clients import Arrivals, Clients, Singles, Users
from emulator.sim.distributions import Constant as Always
from emulator.sim.engine import Simulation
from emulator.sim.exchange import Answered, Exchange
from emulator.sim.service import ServiceModel

if TYPE_CHECKING:
    from emulator.core.records import InvocationRecord

Draw = Callable[[Connection], Passage]
TOOK = 0.25
BEHAVIOUR = Behaviour(warm=Always(TOOK), init=Always(0.5))


def path(least: float, most: float, gateway: float = 0.0625) -> NetworkPath:
    return NetworkPath(
        name="made",
        description="made up",
        round_trip=Constant(evenly(least, most), Trust.LOW, "made up"),
        tcp=RoundTrips(1, Trust.HIGH, "made up"),
        tls=RoundTrips(2, Trust.HIGH, "made up"),
        api_gateway=Constant(always(gateway), Trust.LOW, "made up"),
        front_end=Constant(always(0.0), Trust.LOW, "made up"),
    )


def way(made: NetworkPath, through: WayIn = WayIn.HTTP_API) -> Draw:
    chance = random.Random(7)
    return lambda connection: made.draw(through, connection, chance)


def simulated(
    clients: Clients,
    passage: Draw | None,
    package_mb: float = 0.0,
    placement: Placement | None = None,
) -> tuple[list[Answered], dict[str, InvocationRecord]]:
    told: list[Answered] = []
    settings = SchedulerSettings(placement=placement, start_width=1000, host_memory_mb=1 << 20)
    exchange = Exchange(
        Simulation(Scheduler(settings, random.Random(1)), ServiceModel(1, BEHAVIOUR)),
        FunctionVersion("f", 128, 60.0, package_mb=package_mb),
        clients,
        overhead=lambda _: 0.0,
        told=told.append,
        passage=passage,
    )
    entries = list(exchange.run())
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    return told, {record.invocation: record for record in fold(entries)[0]}


def test_each_user_pays_for_a_connection_once_and_for_every_round_trip() -> None:
    network = way(path(0.125, 0.125), WayIn.HTTP_API)
    told, records = simulated(Users((2,), 4.0, 0.25), network)
    taken = [answer.at - answer.sent_at for answer in told]
    lost = [records[answer.invocation].network for answer in told]
    assert sorted(lost)[-2:] == [0.5, 0.5]
    assert set(lost[2:]) == {0.125}
    assert {records[answer.invocation].gateway for answer in told} == {0.0625}
    assert taken == pytest.approx([records[a.invocation].client_latency for a in told])
    assert taken[-1] == pytest.approx(TOOK + 0.125 + 0.0625)


def test_a_closed_loop_is_slower_by_what_lies_between() -> None:
    near, _ = simulated(Users((1,), 50.0, 0.0), None)
    network = way(path(0.1875, 0.1875), WayIn.HTTP_API)
    far, _ = simulated(Users((1,), 50.0, 0.0), network)
    assert len(near) / len(far) == pytest.approx(2.0, abs=0.05)  # of .25 s it became .5 s


def test_requests_overtake_each_other_on_their_way_and_none_is_lost() -> None:
    times = [0.001 * number for number in range(500)]
    network = way(path(0.01, 0.4), WayIn.HTTP_API)
    told, records = simulated(Arrivals(times), network)
    assert len(told) == len(records) == 500
    sent = {answer.invocation: answer.sent_at for answer in told}
    assert sorted(sent.values()) == pytest.approx(times)
    arrived = sorted(records.values(), key=lambda record: record.requested_at)
    order = [sent[record.invocation] for record in arrived]
    assert order != sorted(order)
    for record in arrived:
        took = record.requested_at - sent[record.invocation]
        assert took >= (record.network + record.gateway) / 2 - 1e-9


def test_the_first_sandbox_waits_for_its_code_and_the_journal_tells() -> None:
    rule = Placement(((0.0, 0.0), (10.0, 2.0)), Trust.LOW, "made up")
    told, records = simulated(Users((2,), 10.0, 0.25), None, 10.0, rule)
    cold = [record for record in records.values() if record.anatomy is not None]
    assert [record.download for record in cold] == [2.0, 2.0]
    assert {record.queued for record in cold} == {0.0}
    assert told[0].at - told[0].sent_at == pytest.approx(2.0 + 0.5 + TOOK)


def test_without_a_network_nothing_is_lost() -> None:
    _, records = simulated(Users((2,), 4.0, 0.25), None)
    assert {(record.network, record.gateway, record.download) for record in records.values()} == {
        (0.0, 0.0, 0.0)
    }


def test_no_request_is_journaled_before_it_arrives() -> None:
    network = way(path(0.125, 0.125), WayIn.HTTP_API)
    exchange = Exchange(
        Simulation(Scheduler(SchedulerSettings(), random.Random(1)), ServiceModel(1, BEHAVIOUR)),
        FunctionVersion("f", 128, 60.0),
        Singles((1.0,)),
        overhead=lambda _: 0.0,
        told=lambda _: None,
        passage=network,
    )
    (asked,) = [entry for entry in exchange.run() if isinstance(entry.event, InvokeRequested)]
    assert asked.at == 1.0 + 0.375 + 0.0625 + 0.03125
