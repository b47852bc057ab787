"""Requests that wait for a sandbox which has answered, on a clock that a test moves."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.live.held import HeldCalls
from tests.live.moved_clock import MovedClock

KEY, OTHER = "f:$LATEST", "g:$LATEST"


class Here:
    def __init__(self) -> None:
        self.clock = MovedClock()
        self.went_on: list[tuple[float, str, str]] = []
        self.idle = 0
        clock: Any = self.clock
        self.calls = HeldCalls(clock, self._go_on, lambda _: self.idle > 0)

    def _go_on(self, key: str, request_id: str) -> None:
        self.went_on.append((self.clock.at, key, request_id))


@pytest.fixture
def here() -> Here:
    return Here()


def test_nothing_is_held_while_no_sandbox_is_about_to_end(here: Here) -> None:
    assert not here.calls.hold(KEY, "a")
    here.calls.about_to_end(KEY, 1)
    here.calls.ended(1)
    assert not here.calls.hold(KEY, "b")
    assert here.went_on == []


def test_request_waits_for_a_sandbox_that_is_about_to_end(here: Here) -> None:
    here.calls.about_to_end(KEY, 1)
    assert here.calls.hold(KEY, "a")
    here.clock.move(0.001)
    assert here.went_on == []
    here.calls.ended(1)
    assert here.went_on == [(0.001, KEY, "a")]
    here.clock.move(1.0)
    assert here.went_on == [(0.001, KEY, "a")], "it goes on once"


def test_no_more_requests_are_held_than_sandboxes_are_about_to_end(here: Here) -> None:
    here.calls.about_to_end(KEY, 1)
    here.calls.about_to_end(KEY, 2)
    assert [here.calls.hold(KEY, name) for name in "abc"] == [True, True, False]


def test_requests_go_on_in_their_order_one_for_each_sandbox(here: Here) -> None:
    here.calls.about_to_end(KEY, 1)
    here.calls.about_to_end(KEY, 2)
    here.calls.hold(KEY, "a")
    here.calls.hold(KEY, "b")
    here.calls.ended(2)
    assert here.went_on == [(0.0, KEY, "a")]
    here.calls.ended(1)
    assert here.went_on == [(0.0, KEY, "a"), (0.0, KEY, "b")]


def test_sandbox_of_another_version_is_not_waited_for(here: Here) -> None:
    here.calls.about_to_end(OTHER, 1)
    assert not here.calls.hold(KEY, "a")
    here.calls.about_to_end(KEY, 2)
    assert here.calls.hold(KEY, "a")
    here.calls.ended(1)
    assert here.went_on == []


def test_request_goes_on_where_the_sandbox_does_not_come_free_in_time(here: Here) -> None:
    here.calls.about_to_end(KEY, 1)
    here.calls.hold(KEY, "a")
    here.clock.move(0.19)
    assert here.went_on == []
    here.clock.move(0.21)
    assert here.went_on == [(0.2, KEY, "a")]
    here.calls.ended(1)
    assert here.went_on == [(0.2, KEY, "a")]


def test_sandbox_that_has_taken_too_long_is_not_waited_for(here: Here) -> None:
    here.calls.about_to_end(KEY, 1)
    here.clock.move(0.25)
    assert not here.calls.hold(KEY, "a")


def test_end_of_a_sandbox_that_nobody_waits_for_is_no_matter(here: Here) -> None:
    here.calls.ended(7)
    here.calls.about_to_end(KEY, 1)
    here.calls.ended(1)
    here.calls.ended(1)
    assert here.went_on == []


def test_each_request_is_held_as_long_as_the_one_before(here: Here) -> None:
    here.calls.about_to_end(KEY, 1)
    here.calls.hold(KEY, "a")
    here.clock.move(0.001)
    here.calls.ended(1)
    here.clock.move(0.19)
    here.calls.about_to_end(KEY, 1)
    here.calls.hold(KEY, "b")
    here.clock.move(0.2003)  # a moment later, in which a runtime asks for its next work
    here.calls.ended(1)
    assert here.went_on == [(0.001, KEY, "a"), (0.2003, KEY, "b")]


def test_request_waits_but_a_moment_where_another_sandbox_is_idle(here: Here) -> None:
    here.calls.about_to_end(KEY, 1)
    here.calls.about_to_end(KEY, 2)
    here.calls.hold(KEY, "a")
    here.idle = 1
    here.calls.hold(KEY, "b")
    here.clock.move(0.0049)
    assert here.went_on == []
    here.clock.move(0.006)
    assert here.went_on == [(0.005, KEY, "b")]
    here.clock.move(0.21)
    assert here.went_on == [(0.005, KEY, "b"), (0.2, KEY, "a")]


def test_request_waits_on_where_the_idle_sandbox_was_taken_meanwhile(here: Here) -> None:
    here.calls.about_to_end(KEY, 1)
    here.idle = 1
    here.calls.hold(KEY, "a")
    here.idle = 0
    here.clock.move(0.19)
    assert here.went_on == [], "it would start a sandbox that nobody needs"
    here.calls.ended(1)
    assert here.went_on == [(0.19, KEY, "a")]


def test_nothing_goes_on_after_the_close(here: Here) -> None:
    here.calls.about_to_end(KEY, 1)
    here.calls.hold(KEY, "a")
    here.calls.close()
    here.clock.move(1.0)
    assert here.went_on == []


def test_those_that_came_later_wait_on_when_the_first_ones_time_is_over(here: Here) -> None:
    for sandbox in (1, 2, 3):
        here.calls.about_to_end(KEY, sandbox)
    here.calls.hold(KEY, "a")
    here.clock.move(0.15)
    here.calls.about_to_end(KEY, 4)
    here.calls.hold(KEY, "b")
    here.clock.move(0.21)
    assert here.went_on == [(0.2, KEY, "a")]
    here.calls.ended(4)
    assert [request for _, _, request in here.went_on] == ["a", "b"]
