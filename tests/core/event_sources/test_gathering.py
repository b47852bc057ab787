from __future__ import annotations

from emulator.core.event_sources.gathering import Gathering
from emulator.core.event_sources.scaling import most_batches


def test_batch_is_complete_at_its_number_of_records() -> None:
    gathering = Gathering[str](3, window=10.0)
    assert [gathering.add(one, 1, 0.0) for one in "abcd"] == [[], [], ["a", "b", "c"], []]
    assert len(gathering) == 1


def test_batch_waits_as_long_as_the_window_from_its_first_record() -> None:
    gathering = Gathering[str](3, window=10.0)
    assert gathering.due() is None
    gathering.add("a", 1, 5.0)
    gathering.add("b", 1, 9.0)
    assert gathering.due() == 15.0
    assert not gathering.is_due(14.9)
    assert gathering.is_due(15.0)
    assert gathering.take() == ["a", "b"]
    assert gathering.due() is None


def test_batch_is_no_larger_than_a_payload() -> None:
    gathering = Gathering[str](10, window=10.0, most_bytes=10)
    assert gathering.add("a", 6, 0.0) == []
    assert gathering.add("b", 4, 1.0) == []
    assert gathering.add("c", 1, 2.0) == ["a", "b"]
    assert gathering.due() == 12.0


def test_record_above_the_limit_goes_alone() -> None:
    gathering = Gathering[str](10, window=0.0, most_bytes=10)
    assert gathering.add("a", 99, 0.0) == []
    assert gathering.add("b", 1, 0.0) == ["a"]


def test_pollers_of_a_queue_grow_with_its_backlog() -> None:
    assert most_batches(0.0, None) == 5
    assert most_batches(60.0, None) == 305
    assert most_batches(3600.0, None) == 1250
    assert most_batches(60.0, 2) == 2
