from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    Locustfile = Callable[[str], ModuleType]


def test_poisson_arrivals_have_their_rate_and_their_seed(locustfile: Locustfile) -> None:
    arrivals = locustfile("poisson").arrivals
    times = list(arrivals(5.0, 1000.0, 7))
    assert times == sorted(times)
    assert 0 < times[0] < times[-1] < 1000
    assert len(times) == pytest.approx(5000, rel=0.05)
    assert times == list(arrivals(5.0, 1000.0, 7))
    assert times != list(arrivals(5.0, 1000.0, 8))


def test_a_rate_of_none_is_a_sentence(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISSON_RATE", "0")
    with pytest.raises(SystemExit, match="POISSON_RATE must be above 0"):
        locustfile("poisson")


def test_a_trace_is_its_column_of_times(locustfile: Locustfile, tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("function,at\nf,0\nf,0.25\nf,3\n")
    assert locustfile("trace").read_times(path) == [0, 0.25, 3]


@pytest.mark.parametrize(
    "content", ["when\n1\n", "at\n2\n1\n", "at\nsoon\n", "at\n-1\n", "at\ninf\n", "at,b\n,\n"]
)
def test_a_trace_that_makes_no_sense_is_a_sentence(
    locustfile: Locustfile, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(content)
    with pytest.raises(SystemExit, match=r"trace\.csv"):
        locustfile("trace").read_times(path)


def test_requests_are_sent_at_their_times_whatever_the_answers_take(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DILATION", "2")
    open_loop = locustfile("open_loop")
    now = [100.0]
    sent: list[tuple[float, int]] = []

    class Group:
        """Nothing in it ends before it is joined."""

        def __init__(self) -> None:
            self.size = 0

        def __len__(self) -> int:
            return self.size

        def spawn(self, predict: Callable[[int], None], users: int) -> None:
            self.size += 1
            predict(users)

        def join(self) -> None:
            sent.append((now[0], -1))

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(open_loop, "Group", Group)
    monkeypatch.setattr(open_loop, "sleep", sleep)
    monkeypatch.setattr(open_loop.time, "monotonic", lambda: now[0])
    shape = open_loop.UntilAnswered()
    shape.reset_time()
    assert shape.tick() == (1, 1)

    class User:
        def predict(self, users: int) -> None:
            sent.append((now[0], users))

    with pytest.raises(open_loop.StopUser):
        open_loop.OpenLoopUser.send_at(User(), [0.5, 0.5, 3.0])
    assert sent == [(101, 1), (101, 2), (106, 3), (106, -1)]
    assert shape.tick() is None


def test_a_constant_number_of_users_runs_for_its_time(
    locustfile: Locustfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSTANT_USERS", "4")
    monkeypatch.setenv("CONSTANT_SECONDS", "10")
    monkeypatch.setenv("CONSTANT_WAIT_S", "0.5")
    monkeypatch.setenv("DILATION", "3")
    constant = locustfile("constant")
    shape = constant.Constant()
    ticks = []
    for at in (0, 29.9, 30):
        monkeypatch.setattr(shape, "get_run_time", lambda at=at: at)
        ticks.append(shape.tick())
    assert ticks == [(4, 4), (4, 4), None]
    assert constant.ConstantUser.wait_time(constant.ConstantUser) == 1.5
