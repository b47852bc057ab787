from __future__ import annotations

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


def test_the_user_waits_out_each_gap_and_spells_the_starts(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IDLE_SPEEDUP", "120")
    idle = locustfile("idle")
    slept: list[float] = []
    answers = iter(("cold", "warm", "warm", "cold", ""))
    monkeypatch.setattr(idle.gevent, "sleep", slept.append)

    class Asker:
        speed = idle.IdleUser.speed

        def predict(self) -> object:
            return SimpleNamespace(start_kind=next(answers), latency_ms=2.0, error="")

    shape = idle.OneUser()
    shape.reset_time()
    assert shape.tick() == (1, 1)
    with pytest.raises(idle.StopUser):
        idle.IdleUser.ask(Asker())
    assert slept == [0, 3, 5, 7.5, 15]
    assert idle.OneUser.starts == "CWWC?"
    assert shape.tick() is None
    assert capsys.readouterr().out.splitlines()[0] == "C        2.0 ms  "
