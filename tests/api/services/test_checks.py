"""Broken constraints, in the sentences in which AWS's answers have been recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from emulator.api.services.checks import refusal
from emulator.api.services.limits import Limits, limits
from emulator.api.services.service_model import load
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025

CREATE = {
    "FunctionName": "a",
    "Role": "arn:aws:iam::123456789012:role/a",
    "Code": {"ZipFile": b"z"},
}


def refused(operation: str, arguments: dict[str, Any], bounds: Limits | None = None) -> str:
    model = load("lambda").operation(operation)
    assert model is not None
    return refusal(model.input_shape, arguments, bounds or limits(AWS_2025))


def test_valid_arguments_are_not_refused() -> None:
    assert refused("CreateFunction", CREATE) == ""


MOST = "Member must have value less than or equal to"
LEAST = "Member must have value greater than or equal to"
FEWEST = "Member must have length less than or equal to"
ENUM = "Member must satisfy enum value set:"


@pytest.mark.parametrize(
    ("member", "value", "shown", "place", "rule"),
    [
        ("MemorySize", 10241, "10241", "memorySize", f"{MOST} 10240"),
        ("MemorySize", 127, "127", "memorySize", f"{LEAST} 128"),
        ("Timeout", 901, "901", "timeout", f"{MOST} 900"),
        ("EphemeralStorage", {"Size": 10241}, "10241", "ephemeralStorage.size", f"{MOST} 10240"),
        ("PackageType", "Jar", "Jar", "packageType", f"{ENUM} [Zip, Image]"),
        ("Architectures", ["arm64", "arm64"], "[arm64, arm64]", "architectures", f"{FEWEST} 1"),
        (
            "Architectures",
            ["mips"],
            "[mips]",
            "architectures",
            f"Member must satisfy constraint: [{ENUM} [x86_64, arm64], Member must not be null]",
        ),
    ],
)
def test_broken_rule_is_told_in_awss_words(
    member: str, value: Any, shown: str, place: str, rule: str
) -> None:
    assert refused("CreateFunction", CREATE | {member: value}) == (
        f"1 validation error detected: Value '{shown}' at '{place}' failed to satisfy constraint: "
        f"{rule}"
    )


def test_acronym_keeps_all_but_its_first_letter() -> None:
    found = refused("CreateFunction", CREATE | {"KMSKeyArn": "x"})
    assert "Value 'x' at 'kMSKeyArn' failed" in found


def test_missing_member_is_null() -> None:
    arguments = {name: value for name, value in CREATE.items() if name != "Role"}
    assert refused("CreateFunction", arguments) == (
        "1 validation error detected: Value null at 'role' failed to satisfy constraint: Member "
        "must not be null"
    )


def test_all_faults_are_told_at_once() -> None:
    found = refused("CreateFunction", CREATE | {"MemorySize": 1, "Timeout": 0})
    assert found == (
        "2 validation errors detected: Value '0' at 'timeout' failed to satisfy constraint: Member "
        "must have value greater than or equal to 1; Value '1' at 'memorySize' failed to satisfy "
        "constraint: Member must have value greater than or equal to 128"
    )


def test_name_of_a_variable_is_not_shown_since_it_is_sensitive() -> None:
    variables = {"Variables": {"a-b": "the secret"}}
    assert refused("CreateFunction", CREATE | {"Environment": variables}) == (
        "1 validation error detected: Value at 'environment.variables' failed to satisfy "
        "constraint: Map keys must satisfy constraint: [Member must satisfy regular expression "
        "pattern: [a-zA-Z]([a-zA-Z0-9_])+]"
    )


def test_keys_of_a_map_are_told_with_the_map() -> None:
    weights = {"RoutingConfig": {"AdditionalVersionWeights": {"x": 0.5}}}
    arguments = {"FunctionName": "a", "Name": "b", "FunctionVersion": "1"} | weights
    assert refused("CreateAlias", arguments) == (
        "1 validation error detected: Value '{x=0.5}' at "
        "'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must "
        "satisfy constraint: [Member must have length less than or equal to 1024, Member must have "
        "length greater than or equal to 1, Member must satisfy regular expression pattern: "
        "[0-9]+, Member must not be null]"
    )


def test_structures_of_a_list_are_numbered() -> None:
    configs = [{"Type": "VPC_SUBNET"}, {"Type": "no"}]
    arguments = {"FunctionName": "a", "SourceAccessConfigurations": configs}
    found = refused("CreateEventSourceMapping", arguments)
    assert found.startswith(
        "1 validation error detected: Value 'no' at 'sourceAccessConfigurations.2.member.type' "
        "failed to satisfy constraint: Member must satisfy enum value set: ["
    )


@pytest.mark.parametrize("most", [300, 900, 1800])
def test_limits_are_the_profiles(most: int) -> None:
    bounds = limits(replace(AWS_2018, max_timeout=most))
    assert refused("CreateFunction", CREATE | {"Timeout": most}, bounds) == ""
    assert refused("CreateFunction", CREATE | {"Timeout": most + 1}, bounds).endswith(
        f"Member must have value less than or equal to {most}"
    )
