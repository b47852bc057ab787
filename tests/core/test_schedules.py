from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from emulator.core.schedules import (
    ScheduleError,
    civil,
    days_of,
    read_schedule,
    weekday_of,
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def following(expression: str, start: str, count: int = 3) -> list[str]:
    """Returns the next times of a schedule, as ISO without seconds."""
    schedule, now, found = read_schedule(expression), at(start), list[str]()
    for _ in range(count):
        due = schedule.next_after(now, at(start))
        if due is None:
            break
        found.append(datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M"))
        now = due
    return found


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("rate(5 minutes)", ["2026-11-27T09:35", "2026-11-27T09:40"]),
        ("rate(1 hour)", ["2026-11-27T10:30", "2026-11-27T11:30"]),
        ("rate(2 days)", ["2026-11-29T09:30", "2026-12-01T09:30"]),
        ("cron(0 10 * * ? *)", ["2026-11-27T10:00", "2026-11-28T10:00"]),
        ("cron(0/15 * * * ? *)", ["2026-11-27T09:45", "2026-11-27T10:00"]),
        ("cron(15 12 ? * MON-FRI *)", ["2026-11-27T12:15", "2026-11-30T12:15"]),
        ("cron(0 8 1 * ? *)", ["2026-12-01T08:00", "2027-01-01T08:00"]),
        ("cron(0 0 L * ? *)", ["2026-11-30T00:00", "2026-12-31T00:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron(0 0 ? * 2#1 *)", ["2026-12-07T00:00", "2027-01-04T00:00"]),
        ("cron(0 0 ? * 6L *)", ["2026-12-25T00:00", "2027-01-29T00:00"]),
        ("cron(0 0 1W * ? *)", ["2026-12-01T00:00", "2027-01-01T00:00"]),
        ("cron(0 0 15W * ? *)", ["2026-12-15T00:00", "2027-01-15T00:00"]),
        ("cron(0 18 ? MAR,jun SUN 2027)", ["2027-03-07T18:00", "2027-03-14T18:00"]),
        ("cron(5,35 14 * * ? *)", ["2026-11-27T14:05", "2026-11-27T14:35"]),
        ("at(2026-12-24T18:00:00)", ["2026-12-24T18:00"]),
    ],
)
def test_expression_tells_the_next_times(expression: str, times: list[str]) -> None:
    assert following(expression, "2026-11-27T09:30", 2) == times


def test_nearest_weekday_stays_within_the_month() -> None:
    # 2027-05-01 is a Saturday, 2026-05-31 a Sunday
    assert following("cron(0 0 1W 5 ? 2027)", "2027-01-01T00:00") == ["2027-05-03T00:00"]
    assert following("cron(0 0 31W 5 ? 2026)", "2026-01-01T00:00") == ["2026-05-29T00:00"]


def test_schedule_ends_with_its_years() -> None:
    assert following("cron(0 0 1 1 ? 2027)", "2026-11-27T09:30") == ["2027-01-01T00:00"]
    assert following("cron(0 0 1 1 ? 2020)", "2026-11-27T09:30") == []
    assert following("at(2026-11-27T09:00:00)", "2026-11-27T09:30") == []


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "every minute",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(5 weeks)",
        "cron(0 10 * * ?)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 32 * ? *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * 2#6 *)",
        "cron(0 5-1 * * ? *)",
        "cron(0 0/0 * * ? *)",
        "cron(²0 0 * * ? *)",
        "at(tomorrow)",
    ],
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError):
        read_schedule(expression)


def test_calendar_is_that_of_the_standard_library() -> None:
    day = datetime(1969, 12, 1, tzinfo=UTC)
    while day.year < 2102:
        number = (day - datetime(1970, 1, 1, tzinfo=UTC)).days
        assert days_of(day.year, day.month, day.day) == number
        assert civil(number) == (day.year, day.month, day.day)
        assert weekday_of(day.year, day.month, day.day) == day.isoweekday() % 7 + 1
        day += timedelta(days=13)
