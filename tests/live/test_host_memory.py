from __future__ import annotations

from typing import TYPE_CHECKING, cast

from emulator.live.host_memory import HostMemory

if TYPE_CHECKING:
    from emulator.live.clock import LoopClock


class Clock:
    at = 0.0

    def now(self) -> float:
        return self.at


class Host:
    """Has 1,000 MB available at first, and counts how often somebody looks."""

    def __init__(self) -> None:
        self.clock, self.available_mb, self.looks = Clock(), 1000, 0
        self.memory = HostMemory(self.look, cast("LoopClock", self.clock))

    def look(self) -> int:
        self.looks += 1
        return self.available_mb

    def news(self, at: float, available_mb: int) -> int | None:
        self.clock.at, self.available_mb = at, available_mb
        return self.memory.news()


def test_first_look_is_news() -> None:
    assert Host().news(0.0, 1000) == 1000


def test_small_changes_are_no_news_until_they_add_up() -> None:
    host = Host()
    host.news(0.0, 1000)
    assert host.news(1.0, 940) is None
    assert host.news(2.0, 936) == 936
    assert host.news(3.0, 1000) == 1000


def test_nobody_looks_twice_in_half_a_second() -> None:
    host = Host()
    host.news(0.0, 1000)
    assert host.news(0.49, 500) is None
    assert host.looks == 1
    assert host.news(0.5, 500) == 500


def test_host_that_nobody_measures_has_no_news() -> None:
    assert HostMemory(None, cast("LoopClock", Clock())).news() is None
