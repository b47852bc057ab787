from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emulator.live.companion.timetable import Entry, Timetable

if TYPE_CHECKING:
    import pytest


def entry(expression: str, **more: object) -> Entry:
    return Entry("a", expression, lambda _: None, **more)  # type: ignore[arg-type]


def times(found: Timetable, entries: list[Entry], now: float) -> tuple[list[float], float]:
    fired, following = found.due(entries, now)
    return [due for _, due in fired], following


def test_rate_counts_from_when_it_was_first_seen() -> None:
    table, entries = Timetable(), [entry("rate(1 minute)")]
    assert times(table, entries, 10.0) == ([], 70.0)
    assert times(table, entries, 69.9) == ([], 70.0)
    assert times(table, entries, 70.0) == ([70.0], 130.0)


def test_what_was_missed_is_due_once() -> None:
    table, entries = Timetable(), [entry("rate(1 minute)")]
    table.due(entries, 0.0)
    assert times(table, entries, 1000.0) == ([60.0], 1020.0)


def test_changed_expression_begins_anew_and_a_disabled_one_is_forgotten() -> None:
    table = Timetable()
    table.due([entry("rate(1 minute)")], 0.0)
    assert times(table, [entry("rate(1 hour)")], 30.0) == ([], 3630.0)
    assert times(table, [], 4000.0) == ([], float("inf"))


def test_wrong_expression_is_never_due(caplog: pytest.LogCaptureFixture) -> None:
    assert times(Timetable(), [entry("rate(often)")], 0.0) == ([], float("inf"))
    assert "a is never due" in caplog.text


def test_time_zone_decides_when_a_calendar_is_due() -> None:
    # Berlin is an hour ahead of UTC in November, two in July
    for month, hour in ((11, 8), (7, 7)):
        now = datetime(2026, month, 27, 0, 0, tzinfo=UTC).timestamp()
        _, due = Timetable().due([entry("cron(0 9 * * ? *)", timezone="Europe/Berlin")], now)
        assert datetime.fromtimestamp(due, UTC).hour == hour


def test_nothing_is_due_before_its_begin_or_after_its_end() -> None:
    table, entries = Timetable(), [entry("rate(1 minute)", begins=100.0, ends=200.0)]
    table.due(entries, 0.0)
    fired = [times(table, entries, float(now))[0] for now in (60, 120, 180, 240)]
    assert fired == [[], [120.0], [180.0], []]
