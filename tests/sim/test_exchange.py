from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.journal import Entry, replay
from emulator.core.messages.commands import Throttle
from emulator.core.messages.events import InvokeRequested, ReservedConcurrencySet, VersionDeployed
from emulator.core.model import FunctionVersion
from emulator.core.network_path import Connection, Passage
from emulator.core.policy import FixedKeepAlive, SchedulerSettings
from emulator.core.scheduler import Scheduler
from emulator.sim.asynchronous import Events
from emulator.sim.attempts import Attempts
from emulator.sim.behaviour import Behaviour, Outcome
from emulator.sim.clients import Arrivals, Clients, Singles, Users
from emulator.sim.distributions import Constant, Exponential, Uniform
from emulator.sim.engine import Simulation
from emulator.sim.exchange import Answered, Exchange, Pings
from emulator.sim.service import ServiceModel
from emulator.sim.workload import at_times, stimuli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.core.asynchronous.ended_event import EndedEvent

ECHO = FunctionVersion("echo", 128, 3.0)
HALF = Behaviour(warm=Constant(0.5))


def way(*, set_up: float, round_trip: float) -> Callable[[Connection], Passage]:
    """A way that is the same each time, but for the first request of a connection."""

    def passage(connection: Connection) -> Passage:
        return Passage(set_up if connection is Connection.NEW else 0.0, round_trip)

    return passage


class Ran:
    """A simulation that clients drove: its journal, and what they were told."""

    def __init__(
        self, clients: Clients, behaviour: Behaviour = HALF, *, seed: int = 0, **options: Any
    ) -> None:
        settings = SchedulerSettings(**options.pop("settings", {}))
        service = ServiceModel(seed, behaviour)
        self.told: list[Answered] = []
        exchange = Exchange(
            Simulation(Scheduler(settings, random.Random(seed)), service),
            ECHO,
            clients,
            overhead=lambda invocation: service.overhead(ECHO.name, invocation),
            told=self.told.append,
            **options,
        )
        self.entries = list(exchange.run())
        self.settings = settings

    @property
    def sent(self) -> list[float]:
        return [entry.at for entry in self.entries if isinstance(entry.event, InvokeRequested)]


def test_user_asks_again_after_the_answer_and_a_pause() -> None:
    ran = Ran(Users((1,), 3.0, 0.25))
    assert ran.sent == [0.0, 0.75, 1.5, 2.25]
    assert [answer.at for answer in ran.told] == [0.5, 1.25, 2.0, 2.75]


def test_pause_begins_when_the_client_has_the_answer() -> None:
    ran = Ran(Users((1,), 3.0, 0.25), Behaviour(Constant(0.5), overhead=Constant(0.25)))
    assert ran.sent == [0.0, 1.0, 2.0]
    assert [answer.at - answer.sent_at for answer in ran.told] == [0.75, 0.75, 0.75]


def test_users_of_a_step_come_together_and_tell_how_many_they_are() -> None:
    ran = Ran(Users((1, 3), 1.0, 10.0))
    assert [(answer.sent_at, answer.users) for answer in ran.told] == [(0, 1), (1, 3), (1, 3)]


def test_users_who_came_last_leave_where_a_step_has_fewer() -> None:
    ran = Ran(Users((2, 1, 2), 1.0, 0.25))
    at_once = [ran.sent.count(at) for at in sorted(set(ran.sent))]
    #      0  .75 | 1.5 | 2 (a new one) 2.25 2.75
    assert sorted(set(ran.sent)) == [0.0, 0.75, 1.5, 2.0, 2.25, 2.75]
    assert at_once == [2, 2, 1, 1, 1, 1]


def test_gaps_of_single_requests_count_from_the_answer() -> None:
    assert Ran(Singles((1.0, 2.0, 4.0))).sent == [1.0, 3.5, 8.0]


def test_arrivals_wait_for_no_answer_and_are_drawn_one_ahead() -> None:
    drawn = []

    def times() -> Iterator[float]:
        for at in (0.0, 0.125, 0.25, 5.0):
            drawn.append(at)
            yield at

    exchange_sent = []
    clients = Arrivals(times())
    ran = Ran(clients)
    exchange_sent = ran.sent
    assert exchange_sent == drawn == [0.0, 0.125, 0.25, 5.0]
    assert len(ran.told) == 4


def test_open_arrivals_give_the_journal_of_a_plain_stream() -> None:
    times = [random.Random(1).uniform(0, 60) for _ in range(200)]
    behaviour = Behaviour(Exponential(0.5), Uniform(0.1, 1.0))
    ours = [entry.at for entry in Ran(Arrivals(sorted(times)), behaviour).entries]
    scheduler = Scheduler(SchedulerSettings(), random.Random(0))
    plain = Simulation(scheduler, ServiceModel(0, behaviour)).run(
        stimuli([ECHO], at_times(ECHO.key, times))
    )
    theirs = [entry.at for entry in plain]
    assert theirs[: len(ours)] == ours


def test_pings_come_each_period_from_the_begin_and_end_with_the_load() -> None:
    ran = Ran(Singles((1.0, 3.5)), pings=Pings(2.0))
    assert [a.sent_at for a in ran.told if a.users == 0] == [2.0, 4.0]
    assert ran.sent == [1.0, 2.0, 4.0, 5.0]


def test_pings_come_together_and_wait_for_all_of_the_last() -> None:
    ran = Ran(Singles((0.0, 6.0)), Behaviour(Constant(2.5)), pings=Pings(2.0, 2))
    assert [a.sent_at for a in ran.told if a.users == 0] == [2.0, 2.0, 4.5, 4.5, 7.0, 7.0, 9.5, 9.5]


def test_warm_up_comes_before_the_load_and_nobody_is_told() -> None:
    ran = Ran(Users((1,), 1.0, 0.25), warm_up=2, pings=Pings(0.5))
    assert ran.sent == [0.0, 0.5, 1.0, 1.5, 1.75, 2.0]
    assert [answer.sent_at for answer in ran.told] == [1.0, 1.5, 1.75, 2.0]
    assert [answer.users for answer in ran.told] == [1, 0, 1, 0]


def test_throttled_user_has_an_answer_and_asks_again() -> None:
    ran = Ran(Users((2,), 1.0, 0.25), settings={"account_concurrency": 1})
    # one is served from 0 to .5, the other is refused at 0 and .25 and served from .5 on
    assert ran.sent == [0.0, 0.0, 0.25, 0.5, 0.75]
    assert sorted(answer.at - answer.sent_at for answer in ran.told) == [0.0, 0.0, 0.0, 0.5, 0.5]


def test_requests_take_their_way_there_before_they_arrive_and_their_way_back_after() -> None:
    """A user's first request opens the connection; the second, at .875 + .25, has it."""
    ran = Ran(Users((1,), 1.5, 0.25), passage=way(set_up=0.125, round_trip=0.25))
    assert ran.sent == [0.25, 1.25]
    assert [(a.sent_at, a.at) for a in ran.told] == [(0.0, 0.875), (1.125, 1.875)]
    requested = [e.event for e in ran.entries if isinstance(e.event, InvokeRequested)]
    assert [event.network for event in requested] == [0.375, 0.25]


def test_request_that_was_sent_later_may_arrive_first() -> None:
    ways = iter([2.0, 0.5, 0.125])

    def passage(_: Connection) -> Passage:
        return Passage(round_trip=next(ways))

    ran = Ran(Arrivals([0.0, 0.125, 4.0]), passage=passage)
    assert ran.sent == [0.375, 1.0, 4.0625]
    assert sorted((a.sent_at, a.at) for a in ran.told) == [
        (0.0, 2.5),
        (0.125, 1.125),
        (4.0, 4.625),
    ]


def test_arrivals_open_a_connection_where_none_is_free() -> None:
    ran = Ran(Arrivals([0.0, 0.25, 3.0, 4.0]), passage=way(set_up=0.5, round_trip=0.0))
    found = [a.at - a.sent_at for a in sorted(ran.told, key=lambda a: a.sent_at)]
    assert found == [1.0, 1.0, 0.5, 0.5]


def test_closed_loop_obeys_littles_law() -> None:
    users, pause, mean = 8, 0.2, 0.3
    ran = Ran(Users((users,), 2000.0, pause), Behaviour(Exponential(mean)))
    latency = sum(a.at - a.sent_at for a in ran.told) / len(ran.told)
    assert len(ran.told) / 2000 == pytest.approx(users / (latency + pause), rel=0.002)
    assert latency == pytest.approx(mean, rel=0.03)


def test_same_seed_gives_the_same_journal_and_its_replay_the_same_commands() -> None:
    def run(seed: int) -> list[Entry]:
        behaviour = Behaviour(Exponential(0.3), init=Uniform(0.5, 1.5), ask=Constant(0.01))
        return Ran(
            Users((2, 5), 20.0, 0.1), behaviour, seed=seed, pings=Pings(3.0),
            settings={"keep_alive": FixedKeepAlive(4.0)},
        ).entries  # fmt: skip

    assert run(1) == run(1) != run(2)
    settings = SchedulerSettings(keep_alive=FixedKeepAlive(4.0))
    replay(run(1), Scheduler(settings, random.Random(1)))


def test_events_of_clients_leave_the_journal_of_the_queue_by_itself() -> None:
    """That journal is the live queue's: tests/test_sim_events_match_live.py."""
    behaviour = Behaviour(
        warm=Exponential(0.4), init=Constant(0.3), mishaps=((Outcome.ERROR, 0.3),)
    )
    chance = random.Random(5)
    times, at = [], 0.0
    for _ in range(300):
        at += chance.expovariate(8)
        times.append(at)

    def simulation(attempts: Attempts) -> Simulation:
        settings = SchedulerSettings(keep_alive=FixedKeepAlive(600.0), account_concurrency=4)
        return Simulation(Scheduler(settings, random.Random(1)), attempts)

    attempts = Attempts(ServiceModel(3, behaviour))
    requests = [InvokeRequested(f"i{number}", ECHO.key) for number in range(1, 301)]
    alone = Events(simulation(attempts), zip(times, requests, strict=True), most_at_once=20)
    expected = []
    for entry in alone.run([(0.0, VersionDeployed(ECHO))], 1):
        expected.append(entry)
        if alone.over:
            break

    attempts = Attempts(ServiceModel(3, behaviour))
    ended: list[EndedEvent] = []
    run = simulation(attempts)
    queue = Events(run, most_at_once=20, told=ended.append)
    told: list[Answered] = []
    exchange = Exchange(run, ECHO, Arrivals(times), lambda _: 0.25, told.append, events=queue)
    found = list(exchange.run())

    assert found == expected[: len(found)]
    assert len(expected) - len(found) <= 1
    assert len(ended) == len(told) == 300
    assert [answer.at - answer.sent_at for answer in told] == pytest.approx([0.25] * 300)
    assert sum(isinstance(c, Throttle) for entry in found for c in entry.commands) > 20
    assert {event.attempts for event in ended} == {1, 2, 3}


def test_reserved_concurrency_is_set_before_the_first_request() -> None:
    ran = Ran(Arrivals([0.0, 0.1]), reserved=1)
    assert isinstance(ran.entries[1].event, ReservedConcurrencySet)
    refused = [c for entry in ran.entries for c in entry.commands if isinstance(c, Throttle)]
    assert [command.invocation for command in refused] == ["i2"]
