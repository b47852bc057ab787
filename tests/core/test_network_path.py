from __future__ import annotations

import random
from statistics import fmean

import pytest

from emulator.core.network_path import (
    Connection,
    Constant,
    NetworkPath,
    Passage,
    Quantiles,
    RoundTrips,
    Trust,
    WayIn,
    always,
    evenly,
)
from emulator.core.network_paths import NO_NETWORK, PATHS, checked_path


class Drawn:
    """Draws given numbers, one after the other."""

    def __init__(self, *numbers: float) -> None:
        self.left = list(numbers)

    def random(self) -> float:
        return self.left.pop(0)


FAR = NetworkPath(
    name="far",
    description="far away",
    round_trip=Constant(evenly(0.1, 0.2), Trust.LOW, "made up"),
    tcp=RoundTrips(1, Trust.HIGH, "made up"),
    tls=RoundTrips(2, Trust.HIGH, "made up"),
    api_gateway=Constant(evenly(0.0, 0.05), Trust.LOW, "made up"),
    front_end=Constant(always(0.01), Trust.LOW, "made up"),
)


def test_the_first_request_of_a_connection_pays_three_more_round_trips() -> None:
    first = FAR.draw(WayIn.HTTP_API, Connection.NEW, Drawn(0.5, 0.0, 0.4, 0.9))
    assert first == Passage(pytest.approx(0.45), 0.1, pytest.approx(0.02), 0.01)
    later = FAR.draw(WayIn.HTTP_API, Connection.KEPT, Drawn(0.5, 0.0, 0.4, 0.9))
    assert later == Passage(0.0, 0.1, pytest.approx(0.02), 0.01)


def test_invoke_does_not_pass_api_gateway() -> None:
    passage = FAR.draw(WayIn.INVOKE, Connection.KEPT, Drawn(0.5, 0.0, 0.4, 0.9))
    assert passage == Passage(0.0, 0.1, 0.0, 0.01)


def test_way_there_and_way_back_add_up_to_the_whole() -> None:
    passage = Passage(set_up=0.3, round_trip=0.1, api_gateway=0.04, front_end=0.02)
    assert passage.network == pytest.approx(0.4)
    assert passage.gateway == pytest.approx(0.06)
    assert passage.before == pytest.approx(0.38)
    assert passage.after == pytest.approx(0.08)


@pytest.mark.parametrize("path", PATHS.values(), ids=list(PATHS))
@pytest.mark.parametrize("way", WayIn)
def test_no_request_takes_longer_on_its_way_than_a_path_s_most(
    path: NetworkPath, way: WayIn
) -> None:
    chance = random.Random(1)
    services = path.front_end.time.most + path.api_gateway.time.most
    most = (path.set_up_trips + 0.5) * path.round_trip.time.most + services / 2
    for _ in range(2000):
        passage = path.draw(way, Connection.NEW, chance)
        assert 0 <= passage.before <= most
    luckless = path.draw(WayIn.HTTP_API, Connection.NEW, Drawn(*[1 - 1e-12] * 4))
    assert luckless.before == pytest.approx(most)


def test_a_table_of_quantiles_is_drawn_from_as_it_says() -> None:
    table = Quantiles(((0.0, 1.0), (0.5, 2.0), (0.9, 6.0), (1.0, 100.0)))
    assert [table.at(share) for share in (0.0, 0.25, 0.5, 0.7, 0.9, 1.0)] == pytest.approx(
        [1, 1.5, 2, 4, 6, 100]
    )
    chance = random.Random(2)
    drawn = [table.draw(chance) for _ in range(20_000)]
    assert sum(length <= 2 for length in drawn) / len(drawn) == pytest.approx(0.5, abs=0.02)
    assert sum(length <= 6 for length in drawn) / len(drawn) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(
    "points",
    [
        (),
        ((0.0, 2.0), (1.0, 1.0)),
        ((0.0, -1.0), (1.0, 1.0)),
        ((0.1, 1.0), (1.0, 2.0)),
        ((0.0, 1.0), (0.9, 2.0)),
        ((0.0, 1.0), (0.5, 2.0), (0.5, 3.0), (1.0, 4.0)),
    ],
)
def test_what_is_no_table_of_quantiles_is_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="a table of quantiles"):
        Quantiles(points)


def test_what_differs_between_requests_does_not_shift_the_luck_of_the_next() -> None:
    one, other = random.Random(3), random.Random(3)
    FAR.draw(WayIn.HTTP_API, Connection.NEW, one)
    FAR.draw(WayIn.INVOKE, Connection.KEPT, other)
    assert one.random() == other.random()


def test_the_study_s_path_has_the_length_that_its_sources_tell() -> None:
    path, chance = PATHS["aws-2018/sao-paulo-us-east-1"], random.Random(4)
    kept = [path.draw(WayIn.HTTP_API, Connection.KEPT, chance) for _ in range(4000)]
    assert fmean(p.network for p in kept) == pytest.approx(0.120, abs=0.001)
    assert fmean(p.gateway for p in kept) == pytest.approx(0.060, abs=0.002)
    assert all(0.115 <= p.network <= 0.125 and 0.02 <= p.gateway <= 0.1 for p in kept)
    new = [path.draw(WayIn.HTTP_API, Connection.NEW, chance) for _ in range(4000)]
    assert fmean(p.network for p in new) == pytest.approx(4 * 0.120, abs=0.002)


def test_every_constant_says_where_it_comes_from() -> None:
    for path in PATHS.values():
        for part in (path.round_trip, path.tcp, path.tls, path.api_gateway, path.front_end):
            assert len(part.source) > 20, f"{path.name}: {part}"
            assert isinstance(part.trust, Trust)


def test_a_path_is_found_by_its_name_and_others_are_refused_with_the_list() -> None:
    assert checked_path(NO_NETWORK) == "local"
    assert all(PATHS[name].name == name for name in PATHS)
    with pytest.raises(ValueError, match=r"'mars' is none of local, aws-2018/sao-paulo-us-east-1"):
        checked_path("mars")
