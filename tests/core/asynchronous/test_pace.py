from __future__ import annotations

from emulator.core.asynchronous.pace import Pace


def fill(pace: Pace) -> int:
    begun = 0
    while pace.admits():
        pace.began()
        begun += 1
    return begun


def test_as_many_run_as_the_account_allows() -> None:
    assert fill(Pace(1000)) == 1000


def test_throttles_show_how_many_have_room() -> None:
    pace = Pace(1000)
    for _ in range(40):
        pace.began()
    for _ in range(32):
        pace.ended(refused=True)
    assert pace.running == 8
    assert not pace.admits()


def test_one_goes_on_however_many_are_throttled() -> None:
    pace = Pace(1000)
    for _ in range(3):
        pace.began()
        pace.ended(refused=True)
    assert fill(pace) == 1


def test_successes_raise_the_bound_by_one_a_round() -> None:
    pace = Pace(1000)
    pace.began()
    pace.ended(refused=True)
    bounds = []
    for _ in range(4):
        ran = fill(pace)
        bounds.append(ran)
        for _ in range(ran):
            pace.ended(refused=False)
    assert bounds == [1, 2, 2, 3]


def test_bound_stays_within_the_account() -> None:
    pace = Pace(2)
    for _ in range(10):
        pace.began()
        pace.ended(refused=False)
    assert fill(pace) == 2
