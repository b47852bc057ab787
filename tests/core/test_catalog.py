from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from emulator.core.catalog import FunctionConfiguration, ImageSource, PackageType, faults
from emulator.core.model import FunctionVersion
from emulator.core.profile import AWS_2018, AWS_2025

ECHO = FunctionConfiguration("echo", runtime="python3.12", handler="app.handler")
IMAGE = FunctionConfiguration(
    "tf", package_type=PackageType.IMAGE, image=ImageSource("/src/Dockerfile", "/src")
)


def constraint(value: object, member: str, rest: str) -> str:
    return (
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: Member must {rest}"
    )


@pytest.mark.parametrize("configuration", [ECHO, IMAGE])
def test_sound_configuration_has_no_faults(configuration: FunctionConfiguration) -> None:
    assert faults(configuration, AWS_2025) == []
    assert faults(configuration, AWS_2018) == []


def test_scheduler_is_told_name_memory_timeout_version_and_revision() -> None:
    configuration = replace(ECHO, memory_mb=512, timeout=7, version="3")
    assert configuration.scheduled(4) == FunctionVersion("echo", 512, 7.0, "3", 4)
    assert configuration.scheduled(4).key == "echo:3"


@pytest.mark.parametrize("name", ["", "a" * 65, "with space", "dot.ted", "ünï"])
def test_name_outside_the_pattern_is_refused(name: str) -> None:
    pattern = "satisfy regular expression pattern: [a-zA-Z0-9-_]{1,64}"
    assert faults(replace(ECHO, name=name), AWS_2025) == [constraint(name, "functionName", pattern)]


@pytest.mark.parametrize("change", [{"runtime": ""}, {"handler": ""}])
def test_zip_function_needs_runtime_and_handler(change: dict[str, Any]) -> None:
    assert faults(replace(ECHO, **change), AWS_2025) == [
        (
            "Runtime and Handler are mandatory parameters for functions created with "
            "deployment packages."
        )
    ]


@pytest.mark.parametrize(
    "change", [{"runtime": "python3.12"}, {"handler": "app.handler"}, {"layers": ("/layer",)}]
)
def test_image_function_has_no_runtime_handler_or_layer(change: dict[str, Any]) -> None:
    assert faults(replace(IMAGE, **change), AWS_2025) == [
        (
            "Please don't provide Handler or Runtime or Layer when the intended function "
            "PackageType is IMAGE."
        )
    ]


@pytest.mark.parametrize(
    ("memory_mb", "rest"),
    [
        (127, "have value greater than or equal to 128"),
        (10_241, "have value less than or equal to 10240"),
    ],
)
def test_memory_outside_the_grid_is_refused(memory_mb: int, rest: str) -> None:
    found = faults(replace(ECHO, memory_mb=memory_mb), AWS_2025)
    assert found == [constraint(memory_mb, "memorySize", rest)]


@pytest.mark.parametrize(("memory_mb", "timeout"), [(128, 1), (10_240, 900)])
def test_limits_themselves_are_allowed(memory_mb: int, timeout: int) -> None:
    assert faults(replace(ECHO, memory_mb=memory_mb, timeout=timeout), AWS_2025) == []


def test_memory_between_two_steps_is_refused_in_2018_only() -> None:
    odd = replace(ECHO, memory_mb=200)
    assert faults(odd, AWS_2025) == []
    assert faults(odd, AWS_2018) == [
        "'MemorySize' value must be a multiple of 64 MB under aws-2018: 200"
    ]


@pytest.mark.parametrize(
    ("timeout", "rest"),
    [(0, "have value greater than or equal to 1"), (901, "have value less than or equal to 900")],
)
def test_timeout_outside_its_range_is_refused(timeout: int, rest: str) -> None:
    assert faults(replace(ECHO, timeout=timeout), AWS_2025) == [
        constraint(timeout, "timeout", rest)
    ]


def test_limits_are_the_profiles() -> None:
    large = replace(ECHO, memory_mb=4096, timeout=600)
    assert faults(large, AWS_2025) == []
    assert faults(large, AWS_2018) == [
        constraint(4096, "memorySize", "have value less than or equal to 3008"),
        constraint(600, "timeout", "have value less than or equal to 300"),
    ]


def test_reserved_variables_are_refused_by_name() -> None:
    environment = {"MODE": "x", "_HANDLER": "y", "AWS_REGION": "z"}
    assert faults(replace(ECHO, environment=environment), AWS_2025)[0] == (
        "Lambda was unable to configure your environment variables because the environment "
        "variables you have provided contains reserved keys that are currently not supported "
        "for modification. Reserved keys used in this request: AWS_REGION, _HANDLER"
    )


@pytest.mark.parametrize("name", ["A", "1A", "A-B", "A B", "Ä1"])
def test_variable_name_outside_the_pattern_is_refused(name: str) -> None:
    pattern = "satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+"
    assert faults(replace(ECHO, environment={name: "x"}), AWS_2025) == [
        constraint(name, "environment.variables", pattern)
    ]


def test_environment_is_counted_in_bytes_of_names_and_values() -> None:
    fits = {"KEY": "ü" * 2046 + "x"}
    assert faults(replace(ECHO, environment=fits), AWS_2025) == []
    assert faults(replace(ECHO, environment={"KEYS": fits["KEY"]}), AWS_2025) == [
        (
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit. Size in bytes: 4097"
        )
    ]


def test_every_fault_is_told() -> None:
    broken = FunctionConfiguration("no good", memory_mb=1, timeout=0, environment={"1": ""})
    assert len(faults(broken, AWS_2025)) == 5
