"""Tells the level of a line that a function wrote, and whether its LoggingConfig keeps the line.

Source: the developer guide's "Log level filtering": a line is filtered where the function logs
JSON, by the line's member `level`; a line without is one of INFO.
"""

from __future__ import annotations

import json

from emulator.core.log_configuration import ApplicationLogLevel, LogConfiguration, LogFormat

_ORDER = {level: place for place, level in enumerate(ApplicationLogLevel)}
_NAMES = {level.value: level for level in ApplicationLogLevel} | {
    "WARNING": ApplicationLogLevel.WARN,  # Python's logging has these
    "CRITICAL": ApplicationLogLevel.FATAL,
}
_DEFAULT = ApplicationLogLevel.INFO


def lowest_level(logging: LogConfiguration) -> ApplicationLogLevel | None:
    """Returns the level under which lines are left out; None where all are kept."""
    if logging.format is LogFormat.TEXT:
        return None
    return logging.application_level or _DEFAULT


def passes(line: bytes, lowest: ApplicationLogLevel) -> bool:
    """Returns whether a line is at least of the `lowest` level."""
    return _ORDER[_level(line)] >= _ORDER[lowest]


def _level(line: bytes) -> ApplicationLogLevel:
    if b'"level"' not in line or not line.lstrip().startswith(b"{"):
        return _DEFAULT
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return _DEFAULT
    return _NAMES.get(str(found.get("level")).upper(), _DEFAULT)
