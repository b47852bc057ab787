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


def test_throttles_halve_what_ran_and_one_goes_on_at_least() -> None:
    pace = Pace(1000)
    for _ in range(8):
        pace.began()
    pace.ended(refused=True)
    assert pace.running == 7
    pace.ended(refused=False)
    assert not pace.admits()
    while pace.running:
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
