"""Points in time in the three ways in which AWS writes them. Pure.

Source: the Smithy specification, "Timestamp serialization and deserialization".
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime


def read_time(value: str | float | datetime) -> datetime:
    """Returns the time that a number of seconds, an ISO 8601 or an HTTP date means.

    Raises:
        ValueError: the value means none.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, bool):
        raise ValueError(f"{value} is no time")  # noqa: TRY004  # as any other value that is none
    if isinstance(value, int | float):
        return _since_epoch(value)
    try:
        return _since_epoch(float(value))
    except ValueError:
        return _of_text(value)


def _of_text(value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = parsedate_to_datetime(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _since_epoch(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{seconds} is no time") from error


def write_time(when: datetime, form: str) -> str | float:
    """Returns a time in a form of Smithy's: `unixTimestamp`, `iso8601` or `rfc822`."""
    when = read_time(when).astimezone(UTC)
    if form == "iso8601":
        return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if form == "rfc822":
        return format_datetime(when, usegmt=True)
    seconds = when.timestamp()
    return int(seconds) if seconds == int(seconds) else round(seconds, 3)
