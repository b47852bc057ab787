"""Settings of AWS's other services, from each source."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.config import load
from emulator.errors import SettingsError

PLAIN = {"s3": "http://localhost:9000", "sqs": "https://[::1]:1"}


@pytest.mark.parametrize(
    ("environ", "toml", "options"),
    [
        ({}, {}, {"aws_endpoint": ["s3=http://localhost:9000", "sqs=https://[::1]:1/"]}),
        ({"TESTBED_AWS_ENDPOINT": "s3=http://localhost:9000 sqs=https://[::1]:1"}, {}, {}),
        ({}, {"aws_endpoint": PLAIN}, {}),
    ],
    ids=["option", "variable", "file"],
)
def test_endpoints_of_services_come_from_every_source(
    environ: dict[str, str], toml: dict[str, Any], options: dict[str, Any]
) -> None:
    assert load(environ, toml, options).aws_endpoint == PLAIN


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("s3", "'' is no http://host:port"),
        ("s3=localhost:9000", "'localhost:9000' is no http://host:port"),
        ("s3=ftp://host", "'ftp://host' is no http://host:port"),
        ("s3=http://host:70000", "'http://host:70000' is no http://host:port"),
        ("s3=http://[::1", "'http://[::1' is no http://host:port"),
        ("s3=http://host/path", "'http://host/path' is more than http://host:port"),
        ("s3=http://me@host", "'http://me@host' is more than http://host:port"),
        ("=http://host", "'' is no service"),
        ("lambda=http://host", "lambda is what the emulator itself serves"),
        ("logs=http://host", "logs is what the emulator itself serves"),
    ],
)
def test_faulty_endpoint_is_refused_in_a_sentence(word: str, fault: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load({}, {}, {"aws_endpoint": [word]})
    assert str(raised.value).startswith(f"--aws-endpoint: {fault}")


def test_second_endpoint_of_one_service_is_refused() -> None:
    words = ["s3=http://one", "s3=http://two"]
    with pytest.raises(SettingsError, match="s3 has two endpoints"):
        load({}, {}, {"aws_endpoint": words})


def test_endpoints_in_a_file_are_a_table() -> None:
    with pytest.raises(SettingsError, match="7 is no table of services"):
        load({}, {"aws_endpoint": 7}, {})


@pytest.mark.parametrize(
    ("environ", "toml", "options", "expected"),
    [
        ({}, {}, {}, True),
        ({}, {}, {"companion": False}, False),
        ({"TESTBED_COMPANION": "0"}, {}, {}, False),
        ({"TESTBED_COMPANION": "True"}, {"companion": False}, {}, True),
        ({}, {"companion": False}, {}, False),
    ],
)
def test_companion_can_be_declined_in_every_source(
    environ: dict[str, str], toml: dict[str, Any], options: dict[str, Any], *, expected: bool
) -> None:
    assert load(environ, toml, options).companion is expected


def test_companion_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(SettingsError, match="'maybe' is neither true nor false"):
        load({"TESTBED_COMPANION": "maybe"}, {}, {})
