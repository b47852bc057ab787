from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.core.deadlines import Deadlines


def all_due(deadlines: Deadlines[str], now: float) -> list[str]:
    due = []
    while (key := deadlines.pop_due(now)) is not None:
        due.append(key)
    return due


def test_none_is_due_when_none_is_set() -> None:
    deadlines: Deadlines[str] = Deadlines()
    assert deadlines.next() is None
    assert deadlines.pop_due(1e9) is None


def test_deadline_is_due_at_its_time_and_not_before() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("a", 5.0)
    assert deadlines.next() == 5.0
    assert all_due(deadlines, 4.999) == []
    assert all_due(deadlines, 5.0) == ["a"]
    assert deadlines.next() is None


def test_due_ones_come_by_time_and_then_in_the_order_in_which_they_were_set() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for key, at in (("z", 2.0), ("late", 3.0), ("a", 2.0), ("first", 1.0), ("never", 9.0)):
        deadlines.set(key, at)
    assert all_due(deadlines, 3.0) == ["first", "z", "a", "late"]


def test_setting_again_replaces_the_time_and_the_turn() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("a", 1.0)
    deadlines.set("b", 2.0)
    deadlines.set("a", 2.0)
    assert deadlines.next() == 2.0
    assert all_due(deadlines, 2.0) == ["b", "a"]


def test_setting_the_same_time_again_gives_up_the_turn() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("a", 1.0)
    deadlines.set("b", 1.0)
    deadlines.set("a", 1.0)
    assert all_due(deadlines, 1.0) == ["b", "a"]


def test_cancelled_deadline_does_not_come_up() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("a", 1.0)
    deadlines.set("b", 2.0)
    deadlines.cancel("a")
    deadlines.cancel("never set")
    assert deadlines.next() == 2.0
    assert all_due(deadlines, 9.0) == ["b"]


def test_long_timeouts_that_are_cancelled_soon_do_not_pile_up() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("near", 1.0)
    for number in range(10_000):
        deadlines.set("sandbox", 900.0 + number)
        deadlines.cancel("sandbox")
    assert len(deadlines._heap) < 100
    assert all_due(deadlines, 1e9) == ["near"]


def test_clearing_out_replaced_ones_keeps_the_order_and_brings_none_back() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for number in range(100):
        deadlines.set(f"k{number}", 1000.0 - number)
    deadlines.set("over", 0.5)
    assert all_due(deadlines, 0.5) == ["over"]
    for number in range(1000):
        deadlines.set("again", 5000.0 + number)
    assert all_due(deadlines, 1e9) == [f"k{number}" for number in range(99, -1, -1)] + ["again"]


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("abcde"), st.integers(0, 9)),
        st.tuples(st.just("cancel"), st.sampled_from("abcde"), st.just(0)),
        st.tuples(st.just("pop"), st.just(""), st.integers(0, 9)),
    ),
    max_size=300,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(MOVES)
def test_heap_equals_a_sorted_list(moves: list[tuple[str, str, int]]) -> None:
    deadlines: Deadlines[str] = Deadlines()
    listed: list[tuple[int, int, str]] = []
    for turn, (kind, key, at) in enumerate(moves):
        if kind == "pop":
            listed.sort()
            wanted = listed.pop(0)[2] if listed and listed[0][0] <= at else None
            assert deadlines.pop_due(at) == wanted
        else:
            listed = [each for each in listed if each[2] != key]
            if kind == "set":
                listed.append((at, turn, key))
                deadlines.set(key, at)
            else:
                deadlines.cancel(key)
        assert deadlines.next() == min((each[0] for each in listed), default=None)
