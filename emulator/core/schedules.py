"""Reads EventBridge's schedule expressions, and tells when each is due. Pure: UTC, no clock.

Source: the EventBridge user guide, "Setting a schedule pattern for scheduled rules" (rate, cron
with six fields and the signs , - * ? / L W #), and the Scheduler user guide (at).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.core.model import Seconds

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_UNITS = {"minute": _MINUTE, "hour": _HOUR, "day": _DAY}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LAST_YEAR = 2199
_FIELDS = 6
_SATURDAY = 7
_RATE = re.compile(r"rate\(\s*(\d+)\s+(minute|hour|day)(s?)\s*\)")
_CRON = re.compile(r"cron\((.*)\)")
_AT = re.compile(r"at\((\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\)")


class ScheduleError(ValueError):
    """Tells what is wrong with a schedule expression."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Holds a schedule that is due again and again, counted from its beginning."""

    every: Seconds

    def next_after(self, now: Seconds, since: Seconds) -> Seconds | None:
        """Returns when the schedule is due next; `since` is when it began."""
        return since + (int((now - since) // self.every) + 1) * self.every


@dataclass(frozen=True, slots=True)
class Once:
    """Holds a schedule that is due at one time."""

    at: Seconds

    def next_after(self, now: Seconds, since: Seconds) -> Seconds | None:
        """Returns the time, until that has passed."""
        del since
        return self.at if self.at > now else None


@dataclass(frozen=True, slots=True)
class Cron:
    """Holds a schedule that is due at minutes of a calendar."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Callable[[int, int, int], bool]
    """Whether a day, by year, month and day, is one of the schedule's."""
    months: frozenset[int]
    years: frozenset[int]

    def next_after(self, now: Seconds, since: Seconds) -> Seconds | None:
        """Returns the next minute that the calendar names; None where there is none."""
        del since
        day = int(now // _DAY)
        while True:
            year, month, number = civil(day)
            if year > max(self.years):
                return None
            if year not in self.years:
                day = days_of(min(later for later in self.years if later > year), 1, 1)
            elif month not in self.months:
                day = days_of(year + month // 12, month % 12 + 1, 1)
            else:
                if self.days(year, month, number):
                    for at in self._times(day):
                        if at > now:
                            return at
                day += 1

    def _times(self, day: int) -> Iterator[Seconds]:
        return (
            float(day * _DAY + hour * _HOUR + minute * _MINUTE)
            for hour in self.hours
            for minute in self.minutes
        )


Schedule: TypeAlias = Rate | Once | Cron


def read_schedule(expression: str) -> Schedule:
    """Reads `rate(…)`, `cron(…)` or `at(…)`.

    Raises:
        ScheduleError: the expression is none of them.
    """
    if rate := _RATE.fullmatch(expression):
        return _rate(int(rate[1]), rate[2], plural=bool(rate[3]))
    if at := _AT.fullmatch(expression):
        year, month, day, hour, minute, second = (int(part) for part in at.groups())
        return Once(float(days_of(year, month, day) * _DAY + hour * 3600 + minute * 60 + second))
    if cron := _CRON.fullmatch(expression):
        return _cron(cron[1].split())
    raise ScheduleError(f"{expression!r} is neither rate(…) nor cron(…) nor at(…)")


def _rate(value: int, unit: str, *, plural: bool) -> Rate:
    if value == 0 or plural != (value > 1):
        raise ScheduleError(f"rate({value} {unit}{'s' * plural}) is not written as AWS wants it")
    return Rate(float(value * _UNITS[unit]))


# cron


def _cron(fields: list[str]) -> Cron:
    if len(fields) != _FIELDS:
        raise ScheduleError(f"cron(…) has {_FIELDS} fields, not {len(fields)}")
    minutes, hours, days, months, weekdays, years = fields
    if (days == "?") == (weekdays == "?"):
        raise ScheduleError("one of day-of-month and day-of-week must be ?, and one only")
    return Cron(
        tuple(sorted(_values(minutes, 0, 59))),
        tuple(sorted(_values(hours, 0, 23))),
        _by_date(days) if weekdays == "?" else _by_weekday(weekdays.upper()),
        _values(_numbered(months.upper(), _MONTHS), 1, 12),
        _values(years, 1970, _LAST_YEAR),
    )


def _numbered(field: str, names: tuple[str, ...]) -> str:
    for number, name in enumerate(names, 1):
        field = re.sub(rf"\b{name}\b", str(number), field)
    return field


def _values(field: str, least: int, most: int) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        ranged, _, step = part.partition("/")
        first, last = _range(ranged, least, most, open_ended=bool(step))
        found |= set(range(first, last + 1, _number(step or "1", 1, most)))
    return frozenset(found)


def _range(text: str, least: int, most: int, *, open_ended: bool) -> tuple[int, int]:
    if text == "*":
        return least, most
    low, dash, high = text.partition("-")
    first = _number(low, least, most)
    if not dash:
        return first, most if open_ended else first
    last = _number(high, least, most)
    if last < first:
        raise ScheduleError(f"{text} ends before it begins")
    return first, last


def _number(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise ScheduleError(f"{text!r} is no number from {least} to {most}")
    return int(text)


def _by_date(field: str) -> Callable[[int, int, int], bool]:
    if field == "L":
        return lambda year, month, day: day == _length(year, month)
    if field.endswith("W"):
        wanted = _number(field[:-1], 1, 31)
        return lambda year, month, day: day == _nearest_weekday(year, month, wanted)
    values = _values(field, 1, 31)
    return lambda _, __, day: day in values


def _by_weekday(field: str) -> Callable[[int, int, int], bool]:
    field = _numbered(field, _WEEKDAYS)
    if "#" in field:
        weekday, _, which = field.partition("#")
        wanted, nth = _number(weekday, 1, 7), _number(which, 1, 5)
        return lambda year, month, day: (
            weekday_of(year, month, day) == wanted and (day - 1) // 7 + 1 == nth
        )
    if field.endswith("L"):
        wanted = _number(field[:-1] or str(_SATURDAY), 1, 7)
        return lambda year, month, day: (
            weekday_of(year, month, day) == wanted and day + 7 > _length(year, month)
        )
    values = _values(field, 1, 7)
    return lambda year, month, day: weekday_of(year, month, day) in values


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """Returns the day from Monday to Friday of the month that is nearest to one of its days."""
    day = min(day, _length(year, month))
    match weekday_of(year, month, day):
        case 7:
            return day - 1 if day > 1 else day + 2
        case 1:
            return day + 1 if day < _length(year, month) else day - 2
    return day


# the calendar: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"


def days_of(year: int, month: int, day: int) -> int:
    """Returns how many days after 1970-01-01 a day of the Gregorian calendar is."""
    year -= month <= 2  # noqa: PLR2004  # years begin in March here
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1  # noqa: PLR2004
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def civil(days: int) -> tuple[int, int, int]:
    """Returns year, month and day of a number of days after 1970-01-01."""
    days += 719_468
    era = days // 146_097
    of_era = days - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)  # noqa: PLR2004
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1  # noqa: PLR2004


def weekday_of(year: int, month: int, day: int) -> int:
    """Returns the day of the week as cron counts, 1 for Sunday."""
    return (days_of(year, month, day) + 4) % 7 + 1


def _length(year: int, month: int) -> int:
    return days_of(year + month // 12, month % 12 + 1, 1) - days_of(year, month, 1)
