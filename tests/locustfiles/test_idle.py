from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Locustfile = Callable[[str], ModuleType]


def test_gaps_are_those_between_the_minutes_of_the_study(locustfile: Locustfile) -> None:
    idle = locustfile("idle")
    assert idle.gaps() == [0, 360, 600, 900, 1800]
    assert idle.gaps(60) == [0, 6, 10, 15, 30]


def test_the_minutes_are_a_setting(locustfile: Locustfile) -> None:
    idle = locustfile("idle")
    assert idle.request_times("") == idle.REQUESTS_AT
    assert idle.gaps(2, idle.request_times("1, 2.5")) == [30, 45]


@pytest.mark.parametrize("value", ["soon", "5,1", "-1", "nan"])
def test_minutes_that_do_not_rise_are_a_sentence(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("IDLE_MINUTES", value)
    with pytest.raises(SystemExit, match="IDLE_MINUTES must be rising minutes"):
        locustfile("idle")


@pytest.fixture
def clock(locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which sleeping moves on."""
    monkeypatch.setenv("IDLE_SPEEDUP", "120")
    idle = locustfile("idle")
    now = [1000.0]

    def sleep(seconds: float) -> None:
        assert seconds >= 0
        now[0] += seconds

    monkeypatch.setattr(idle.gevent, "sleep", sleep)
    monkeypatch.setattr(idle.time, "monotonic", lambda: now[0])
    return now


def test_dropping_the_page_cache_is_a_part_of_the_gap(clock: list[float]) -> None:
    idle = sys.modules["idle"]
    dropped: list[float] = []

    class User:
        dropping_took = 2.0

        def forget_files(self) -> None:
            clock[0] += 3.0
            dropped.append(clock[0])

    idle.IdleUser.idle(User(), 10.0)
    assert (dropped, clock) == ([1009.0], [1010.0])
    idle.IdleUser.idle(User(), 1.0)  # too short for it
    assert (dropped[1:], clock) == ([1013.0], [1013.0])


def test_the_user_waits_out_each_gap_and_spells_the_starts(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    module = sys.modules["idle"]
    asked: list[float] = []
    answers = iter(("cold", "warm", "warm", "cold", ""))

    class Asker:
        speed, times = module.IdleUser.speed, module.IdleUser.times
        idle, dropping_took = module.IdleUser.idle, 0.0

        def forget_files(self) -> None:
            pass

        def predict(self) -> object:
            asked.append(clock[0])
            clock[0] += 100.0  # an answer takes nothing of a gap
            return SimpleNamespace(start_kind=next(answers), latency_ms=2.0, error="")

    shape = module.OneUser()
    shape.reset_time()
    assert shape.tick() == (1, 1)
    with pytest.raises(module.StopUser):
        module.IdleUser.ask(Asker())
    assert asked == [1000, 1103, 1208, 1315.5, 1430.5]
    assert module.OneUser.starts == "CWWC?"
    assert shape.tick() is None
    assert capsys.readouterr().out.splitlines()[0] == "C        2.0 ms  "


def test_dilation_stretches_the_gaps(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDLE_SPEEDUP", "60")
    monkeypatch.setenv("DILATION", "4")
    user = locustfile("idle").IdleUser
    assert sys.modules["idle"].gaps(user.speed, user.times) == [0, 24, 40, 60, 120]
