"""Settings from each source, and every fault of theirs with its place."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.config import BackendChoice, Settings, load
from emulator.core.network_paths import PATHS
from emulator.errors import SettingsError


def faults(
    environ: dict[str, str] | None = None,
    toml: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(environ or {}, toml or {}, options or {})
    return str(raised.value).split("; ")


def test_nothing_stated_gives_the_defaults() -> None:
    assert load({}, {}, {}) == Settings()


def test_command_line_goes_before_variables_and_those_before_the_file() -> None:
    environ = {"TESTBED_PORT": "2", "TESTBED_SEED": "2", "TESTBED_HOST": ""}
    toml = {"port": 3, "seed": 3, "host": "::1", "keep_alive": 600}
    loaded = load(environ, toml, {"port": "1", "seed": None, "backend": "docker", "other": 1})
    assert loaded == Settings(
        port=1, seed=2, host="::1", keep_alive=600.0, backend=BackendChoice.DOCKER
    )


def test_every_fault_is_told_at_once_with_its_place() -> None:
    assert faults(
        {"TESTBED_PORT": "99999", "TESTBED_BACKEND": "podman", "TESTBED_COMPANION": "maybe"},
        {"port": 1, "seed": 1.5, "colour": "red", "host": 7},
        {"idle_speedup": "0", "profile": "aws-2016", "keep_alive": "soon", "dilation": "51"}
        | {"network": "mars"},
    ) == [
        "unknown setting 'colour' in the settings file",
        "host in the settings file: 7 is no text",
        "TESTBED_PORT: '99999' is above 65535",
        "TESTBED_BACKEND: 'podman' is none of auto, docker, process",
        "--profile: 'aws-2016' is none of aws-2018, aws-2025, aws-2026",
        (
            "--keep-alive: 'soon' is neither seconds nor one of aws-2018, aws-2018-us-west-2, "
            "aws-2018-us-east-1, aws-2020, aws-2025"
        ),
        "--idle-speedup: '0' is not above 0",
        "seed in the settings file: 1.5 is not a whole number",
        "--dilation: '51' is above 50",
        f"--network: 'mars' is none of {', '.join(PATHS)}",
        "TESTBED_COMPANION: 'maybe' is neither true nor false",
    ]


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("port", "99999", "'99999' is above 65535"),
        ("port", "-1", "'-1' is below 0"),
        ("port", True, "True is not a number"),
        ("port", "http", "'http' is not a whole number"),
        ("start_width", "0", "'0' is below 1"),
        ("stem_cells", "some", "'some' is neither a number nor RUNTIME=NUMBER (python3.13=4)"),
        ("stem_cells", "1 2", "every runtime has two numbers of stem cells"),
        ("host_memory", "127", "'127' is below 128"),
        ("host_memory", "1e3", "'1e3' is not a whole number"),
        ("keep_alive", "inf", "'inf' is not a number"),
        ("keep_alive", "-1", "'-1' is below 0"),
        ("keep_alive", float("nan"), "nan is not a number"),
        ("init_timeout", "0", "'0' is not above 0"),
        ("state_dir", 7, "7 is no text"),
        ("pick_order", 7, "7 is none of most-recently-used, least-recently-used, oldest-first"),
    ],
)
def test_value_that_a_setting_cannot_have_is_refused(name: str, value: object, fault: str) -> None:
    assert faults(options={name: value}) == [f"--{name.replace('_', '-')}: {fault}"]


def test_long_value_is_not_told_whole() -> None:
    assert len(faults(options={"port": "9" * 5000})[0]) < 200


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
        ("s3", "'s3' is not SERVICE=URL (s3=http://localhost:9000)"),
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


@pytest.mark.parametrize(
    ("written", "age"), [("aws-2020", "aws-2020"), ("600", 600.0), ("never", "never")]
)
def test_recycle_age_is_seconds_a_known_age_or_never(written: object, age: object) -> None:
    assert load({}, {"recycle_age": written}, {}).recycle_age == age


def test_unknown_age_is_refused_with_those_that_are_known() -> None:
    told = "'old' is neither seconds nor one of aws-2018, aws-2020, aws-2025, never"
    assert faults(options={"recycle_age": "old"}) == [f"--recycle-age: {told}"]


@pytest.mark.parametrize(
    ("written", "keep_alive"), [("aws-2020", "aws-2020"), ("600", 600.0), (0, 0.0)]
)
def test_keep_alive_is_seconds_or_the_name_of_known_lifetimes(
    written: object, keep_alive: object
) -> None:
    assert load({}, {"keep_alive": written}, {}).keep_alive == keep_alive


@pytest.mark.parametrize(
    ("environ", "toml", "options"),
    [
        ({"TESTBED_ALB": "echo spin:multi-value"}, {}, {}),
        ({}, {"alb": ["echo", "spin:multi-value"]}, {}),
        ({}, {}, {"alb": ["echo", "spin:multi-value"]}),
    ],
)
def test_functions_behind_a_load_balancer_are_words(
    environ: dict[str, str], toml: dict[str, Any], options: dict[str, Any]
) -> None:
    assert load(environ, toml, options).alb == ("echo", "spin:multi-value")


def test_a_load_balancer_has_no_other_word_than_multi_value() -> None:
    assert faults(options={"alb": ["echo:both"]}) == [
        "--alb: 'echo:both' is neither FUNCTION nor FUNCTION:multi-value"
    ]
