from __future__ import annotations

import pytest

from emulator.core.log_configuration import ApplicationLogLevel, LogConfiguration, LogFormat
from emulator.telemetry.application_level import lowest_level, passes

LEVELS = list(ApplicationLogLevel)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("lowest", LEVELS)
def test_a_line_passes_at_its_level_and_above(
    level: ApplicationLogLevel, lowest: ApplicationLogLevel
) -> None:
    line = f'{{"level": "{level.value}", "message": "m"}}'.encode()
    assert passes(line, lowest) is (LEVELS.index(level) >= LEVELS.index(lowest))


@pytest.mark.parametrize(
    "line", [b"plain", b'{"message": 1}', b'{"level": 7}', b'{"level": ', b'x "level": "ERROR"']
)
def test_a_line_without_a_level_is_one_of_info(line: bytes) -> None:
    assert passes(line, ApplicationLogLevel.INFO)
    assert not passes(line, ApplicationLogLevel.WARN)


def test_pythons_own_names_count() -> None:
    assert not passes(b'{"level": "WARNING"}', ApplicationLogLevel.ERROR)
    assert passes(b'{"level": "CRITICAL"}', ApplicationLogLevel.FATAL)


def test_text_keeps_all_and_json_starts_at_info() -> None:
    assert lowest_level(LogConfiguration()) is None
    assert lowest_level(LogConfiguration(LogFormat.JSON)) is ApplicationLogLevel.INFO
    told = LogConfiguration(LogFormat.JSON, ApplicationLogLevel.DEBUG)
    assert lowest_level(told) is ApplicationLogLevel.DEBUG
