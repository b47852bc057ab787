from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Locustfile = Callable[[str], ModuleType]

STEPS = [
    (0, 3),
    (59.9, 3),
    (60, 6),
    (119.9, 6),
    (120, 9),
    (179.9, 9),
    (180, 9),
    (239.9, 9),
    (240, 18),
    (299.9, 18),
    (300, None),
    (4000, None),
]


@pytest.mark.parametrize("speed", [1.0, 5.0, 0.5])
def test_users_step_up_minute_by_minute(locustfile: Locustfile, speed: float) -> None:
    ramp = locustfile("ramp")
    assert [(at, ramp.users_at(at / speed, speed)) for at, _ in STEPS] == STEPS


def test_shape_starts_a_whole_step_at_once_and_then_ends(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAMP_SPEEDUP", "5")
    shape = locustfile("ramp").Ramp()
    ticks = []
    for at in (0, 12, 24, 36, 48, 60):
        monkeypatch.setattr(shape, "get_run_time", lambda at=at: at)
        ticks.append(shape.tick())
    assert ticks == [(3, 18), (6, 18), (9, 18), (9, 18), (18, 18), None]


def test_without_a_speedup_the_shape_takes_five_minutes(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAMP_SPEEDUP", raising=False)
    shape = locustfile("ramp").Ramp()
    monkeypatch.setattr(shape, "get_run_time", lambda: 299)
    assert shape.tick() == (18, 18)


@pytest.mark.parametrize("value", ["fast", "-1", "0", "nan", "inf"])
def test_a_speedup_that_makes_no_sense_is_a_sentence(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("RAMP_SPEEDUP", value)
    with pytest.raises(SystemExit, match="RAMP_SPEEDUP must be"):
        locustfile("ramp").Ramp()


def test_the_pause_between_two_requests_is_a_setting(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pause() -> float:
        user = locustfile("ramp").RampUser
        return user.wait_time(user)

    monkeypatch.delenv("RAMP_WAIT_S", raising=False)
    assert pause() == 0.1
    monkeypatch.setenv("RAMP_WAIT_S", "0")
    assert pause() == 0


def test_steps_of_users_are_a_setting(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAMP_USERS", "2, 5")
    monkeypatch.setenv("RAMP_SPEEDUP", "6")
    shape = locustfile("ramp").Ramp()
    ticks = []
    for at in (0, 10, 20):
        monkeypatch.setattr(shape, "get_run_time", lambda at=at: at)
        ticks.append(shape.tick())
    assert ticks == [(2, 5), (5, 5), None]


@pytest.mark.parametrize("value", ["three", "3,0", "3,,6", "-1"])
def test_steps_that_make_no_sense_are_a_sentence(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("RAMP_USERS", value)
    with pytest.raises(SystemExit, match="RAMP_USERS must be numbers of users"):
        locustfile("ramp").Ramp()


def test_dilation_stretches_steps_pauses_and_patience(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DILATION", "4")
    ramp = locustfile("ramp")
    shape = ramp.Ramp()
    monkeypatch.setattr(shape, "get_run_time", lambda: 239.9)
    assert shape.tick() == (3, 18)
    monkeypatch.setattr(shape, "get_run_time", lambda: 240)
    assert shape.tick() == (6, 18)
    assert ramp.RampUser.wait_time(ramp.RampUser) == pytest.approx(0.4)
    assert ramp.RampUser.network_timeout == 400


def test_no_host_needs_to_be_given(locustfile: Locustfile) -> None:
    assert locustfile("ramp").RampUser.host == "http://127.0.0.1:8000"
