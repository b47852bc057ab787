"""Defines how a function logs (LoggingConfig), and checks the rules of that.

Source: botocore's service model of Lambda (LoggingConfig), and the developer guide's "Log and
monitor": levels can be set with JSON alone, and then default to INFO.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from emulator.core.constraints import constraint, too_long


class LogFormat(StrEnum):
    """Names the formats of a log."""

    TEXT = "Text"
    JSON = "JSON"


class ApplicationLogLevel(StrEnum):
    """Names the levels of a function's own lines, the most talkative first."""

    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    FATAL = "FATAL"


class SystemLogLevel(StrEnum):
    """Names the levels of the platform's events, the most talkative first."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"


@dataclass(frozen=True, slots=True)
class LogConfiguration:
    """Holds a function's LoggingConfig."""

    format: LogFormat = LogFormat.TEXT
    application_level: ApplicationLogLevel | None = None
    """None: INFO with JSON, and everything with Text."""
    system_level: SystemLogLevel | None = None
    """Level of the platform's own events; None as in `application_level`."""
    group: str = ""
    """Empty: the function's own group."""


_GROUP = re.compile(r"[\.\-_/#A-Za-z0-9]+")
_LONGEST_GROUP = 512


def log_faults(logging: LogConfiguration) -> list[str]:
    """Returns the refusals of a LoggingConfig, in AWS's words; none where all is valid."""
    found = []
    levels = logging.application_level or logging.system_level
    if levels and logging.format is LogFormat.TEXT:
        found.append(
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your '
            'request or change the LogFormat to "JSON" and try again.'
        )
    if logging.group and not _GROUP.fullmatch(logging.group):
        pattern = f"satisfy regular expression pattern: {_GROUP.pattern}"
        found.append(constraint(logging.group, "loggingConfig.logGroup", pattern))
    return found + too_long(logging.group, "loggingConfig.logGroup", _LONGEST_GROUP)
