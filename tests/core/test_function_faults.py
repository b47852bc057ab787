from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.function_configuration import FunctionConfiguration, ImageSource, PackageType
from emulator.core.function_faults import concurrency_faults, faults
from emulator.core.function_url import Cors, FunctionUrl, UrlAuth
from emulator.core.log_configuration import (
    ApplicationLogLevel,
    LogConfiguration,
    LogFormat,
    SystemLogLevel,
)
from emulator.core.prices import Architecture
from emulator.core.profiles import PROFILES
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.profiles.aws_2026 import AWS_2026

if TYPE_CHECKING:
    from emulator.core.profile import Profile

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


@pytest.mark.parametrize(
    ("storage_mb", "rest"),
    [
        (511, "have value greater than or equal to 512"),
        (10_241, "have value less than or equal to 10240"),
    ],
)
def test_storage_outside_its_range_is_refused(storage_mb: int, rest: str) -> None:
    found = faults(replace(ECHO, ephemeral_storage_mb=storage_mb), AWS_2025)
    assert found == [constraint(storage_mb, "ephemeralStorage.size", rest)]


def test_storage_of_the_profile_is_allowed() -> None:
    assert faults(replace(ECHO, ephemeral_storage_mb=10_240), AWS_2025) == []
    assert faults(replace(ECHO, ephemeral_storage_mb=513), AWS_2018) == [
        constraint(513, "ephemeralStorage.size", "have value less than or equal to 512")
    ]


def test_more_than_five_layers_are_refused() -> None:
    five = tuple("abcde")
    assert faults(replace(ECHO, layers=five), AWS_2025) == []
    assert faults(replace(ECHO, layers=(*five, "f")), AWS_2025) == [
        "Cannot reference more than 5 layers."
    ]


def test_working_directory_has_a_longest_length() -> None:
    assert faults(replace(IMAGE, image_working_directory="/" * 1000), AWS_2025) == []
    (fault,) = faults(replace(IMAGE, image_working_directory="/" * 1001), AWS_2025)
    rule = "have length less than or equal to 1000"
    assert fault == constraint("/" * 1001, "imageConfig.workingDirectory", rule)


@pytest.mark.parametrize("group", ["with space", "a" * 513, "ü"])
def test_group_outside_the_pattern_is_refused(group: str) -> None:
    (fault,) = faults(replace(ECHO, logging=LogConfiguration(group=group)), AWS_2025)
    assert fault.startswith(f"1 validation error detected: Value '{group}' at 'loggingConfig.logG")


@pytest.mark.parametrize(
    "levels",
    [
        {"application_level": ApplicationLogLevel.DEBUG},
        {"system_level": SystemLogLevel.WARN},
    ],
)
def test_levels_go_with_json_alone(levels: dict[str, Any]) -> None:
    fine = LogConfiguration(LogFormat.JSON, **levels)
    assert faults(replace(ECHO, logging=fine), AWS_2025) == []
    assert faults(replace(ECHO, logging=LogConfiguration(**levels)), AWS_2025) == [
        (
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your '
            'request or change the LogFormat to "JSON" and try again.'
        )
    ]


@pytest.mark.parametrize(
    ("cors", "value", "member", "rest"),
    [
        (Cors(max_age=86_401), 86_401, "maxAge", "have value less than or equal to 86400"),
        (Cors(max_age=-1), -1, "maxAge", "have value greater than or equal to 0"),
        (
            Cors(allow_methods=("GET", "OPTIONS")),
            "OPTIONS",
            "allowMethods",
            "have length less than or equal to 6",
        ),
        (
            Cors(allow_methods=tuple("ABCDEFG")),
            "[A, B, C, D, E, F, G]",
            "allowMethods",
            "have length less than or equal to 6",
        ),
        (
            Cors(allow_origins=("h" * 254,)),
            "h" * 254,
            "allowOrigins",
            "have length less than or equal to 253",
        ),
    ],
)
def test_cors_outside_its_limits_is_refused(
    cors: Cors, value: object, member: str, rest: str
) -> None:
    url = FunctionUrl(UrlAuth.NONE, cors=cors)
    assert faults(replace(ECHO, function_url=url), AWS_2025) == [
        constraint(value, f"cors.{member}", rest)
    ]


def test_function_url_with_cors_is_allowed() -> None:
    cors = Cors(
        allow_credentials=True,
        allow_headers=("x-a",),
        allow_methods=("GET", "DELETE"),
        allow_origins=("https://example.org",),
        expose_headers=("*",),
        max_age=86_400,
    )
    url = FunctionUrl(UrlAuth.AWS_IAM, cors=cors)
    assert faults(replace(ECHO, function_url=url), AWS_2025) == []


def test_provisioned_is_at_most_what_is_reserved() -> None:
    assert faults(replace(ECHO, provisioned_concurrency=5), AWS_2025) == []
    inside = replace(ECHO, reserved_concurrency=5, provisioned_concurrency=5)
    assert faults(inside, AWS_2025) == []
    assert faults(replace(inside, provisioned_concurrency=6), AWS_2025) == [
        (
            "Requested Provisioned Concurrency should not be greater than the "
            "reservedConcurrentExecution for function"
        )
    ]


@pytest.mark.parametrize(
    ("change", "feature"),
    [
        ({"provisioned_concurrency": 1}, "Provisioned concurrency"),
        ({"function_url": FunctionUrl(UrlAuth.NONE)}, "A function URL"),
    ],
)
def test_what_goes_with_no_tenant_isolation_is_refused(
    change: dict[str, Any], feature: str
) -> None:
    isolated = replace(ECHO, tenant_isolation=True)
    assert faults(isolated, AWS_2026) == []
    assert faults(replace(isolated, **change), AWS_2026) == [
        f"{feature} is not supported for functions with tenant isolation mode enabled."
    ]


def test_timeout_is_at_most_that_of_the_profile() -> None:
    assert faults(replace(ECHO, timeout=1800), AWS_2026) == []
    for profile in (AWS_2026, AWS_2025):
        most = profile.max_timeout
        (fault,) = faults(replace(ECHO, timeout=most + 1), profile)
        assert fault.endswith(f"Member must have value less than or equal to {most}")


def test_provisioned_is_at_least_one() -> None:
    assert faults(replace(ECHO, provisioned_concurrency=0), AWS_2025) == [
        constraint(0, "provisionedConcurrentExecutions", "have value greater than or equal to 1")
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"provisioned_concurrency": 1}, "Provisioned concurrency came in 2019-12"),
        ({"architecture": Architecture.ARM64}, "Architecture arm64 came in 2021-09"),
        ({"function_url": FunctionUrl(UrlAuth.NONE)}, "A function URL came in 2022-04"),
        ({"logging": LogConfiguration(LogFormat.JSON)}, "LoggingConfig came in 2023-11"),
        ({"tenant_isolation": True}, "Tenant isolation came in 2025-11"),
    ],
)
def test_what_came_after_2018_is_refused_under_it(change: dict[str, Any], told: str) -> None:
    changed = replace(ECHO, **change)
    assert faults(changed, AWS_2025) == []
    assert faults(changed, AWS_2018) == [f"{told}: there is none under aws-2018"]


def reserving(
    name: str, reserved: int | None, provisioned: int | None = None
) -> FunctionConfiguration:
    return replace(
        ECHO, name=name, reserved_concurrency=reserved, provisioned_concurrency=provisioned
    )


def below_the_least(kind: str) -> str:
    return (
        f"Specified {kind}Executions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )


def test_reservations_leave_a_hundred_to_the_others() -> None:
    fits = [reserving("a", 400), reserving("b", None), reserving("c", 500), reserving("d", 0)]
    assert concurrency_faults(fits, AWS_2025) == []
    one_more = [*fits, reserving("e", 1), reserving("f", 0)]
    assert concurrency_faults(one_more, AWS_2025) == [("e", below_the_least("ReservedConcurrent"))]


def test_provisioned_counts_where_nothing_is_reserved() -> None:
    within = [reserving("a", 800, 800), reserving("b", None, 100)]
    assert concurrency_faults(within, AWS_2025) == []
    assert concurrency_faults([*within, reserving("c", None, 1)], AWS_2025) == [
        ("c", below_the_least("Concurrent"))
    ]


def test_refused_reservation_takes_nothing() -> None:
    found = concurrency_faults([reserving("a", 901), reserving("b", 900)], AWS_2025)
    assert [name for name, _ in found] == ["a"]


def snapshots_of(profile: Profile) -> set[str]:
    """The runtimes of which a profile takes snapshots."""
    asked = {name: replace(ECHO, runtime=name, snap_start=True) for name in RUNTIMES}
    return {name for name, function in asked.items() if not faults(function, profile)}


RUNTIMES = {runtime.name for profile in PROFILES.values() for runtime in profile.runtimes}


def test_snapshots_are_taken_of_the_runtimes_that_had_them_at_the_profiles_date() -> None:
    late_2025 = {"python3.12", "python3.13", "python3.14", "java11", "java17", "java21", "java25"}
    late_2025 |= {"dotnet8", "dotnet10"}
    assert snapshots_of(AWS_2018) == set()
    assert snapshots_of(AWS_2025) == late_2025
    assert snapshots_of(AWS_2026) == late_2025 | {"python3.15", "java11.al2023", "java17.al2023"}


def test_runtime_without_snapshots_is_refused_in_the_words_of_aws() -> None:
    asked = replace(ECHO, runtime="python3.11", snap_start=True)
    refusal = "python3.11 is not supported for SnapStart enabled functions."
    assert faults(asked, AWS_2025) == [refusal]


def test_images_have_snapshots_since_2026() -> None:
    asked = replace(IMAGE, snap_start=True)
    refusal = "ContainerImage is not supported for SnapStart enabled functions."
    assert faults(asked, AWS_2025) == [refusal]
    assert faults(asked, AWS_2026) == []


def test_before_there_were_snapshots_their_date_is_the_one_refusal() -> None:
    asked = replace(ECHO, runtime="python3.7", snap_start=True)
    assert faults(asked, AWS_2018) == ["SnapStart came in 2022-11: there is none under aws-2018"]
