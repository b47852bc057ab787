from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.function_configuration import FunctionConfiguration, PackageType
from emulator.core.log_configuration import ApplicationLogLevel, LogConfiguration, LogFormat
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.live.sandbox.environment import function_arn, sandbox_environment

if TYPE_CHECKING:
    from emulator.core.profile import Profile

ECHO = FunctionConfiguration("echo", "python3.12", "app.handler", memory_mb=256)
JSON = replace(ECHO, logging=LogConfiguration(LogFormat.JSON))


def environment(
    configuration: FunctionConfiguration = ECHO, profile: Profile = AWS_2025, **more: Any
) -> dict[str, str]:
    stream = "2026/01/01/[$LATEST]ab"
    return sandbox_environment(configuration, "127.0.0.1:9001", stream, profile, **more)


def test_variables_are_those_recorded_on_lambda() -> None:
    assert environment() == {
        "AWS_ACCESS_KEY_ID": "testbed",
        "AWS_SECRET_ACCESS_KEY": "testbed",
        "AWS_SESSION_TOKEN": "testbed",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "echo",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/echo",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]ab",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "_HANDLER": "app.handler",
    }


def test_2018_had_no_initialization_type() -> None:
    assert environment().keys() - environment(profile=AWS_2018).keys() == {
        "AWS_LAMBDA_INITIALIZATION_TYPE"
    }


def test_initialization_type_is_told() -> None:
    told = environment(initialization_type="provisioned-concurrency")
    assert told["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency"


@pytest.mark.parametrize(("level", "told"), [(None, "INFO"), (ApplicationLogLevel.TRACE, "TRACE")])
def test_json_logging_is_told_with_its_level(level: ApplicationLogLevel | None, told: str) -> None:
    logging = LogConfiguration(LogFormat.JSON, application_level=level)
    found = environment(replace(ECHO, logging=logging))
    assert (found["AWS_LAMBDA_LOG_FORMAT"], found["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", told)


@pytest.mark.parametrize(
    ("configuration", "profile"), [(ECHO, AWS_2025), (JSON, AWS_2018), (ECHO, AWS_2018)]
)
def test_nothing_is_told_of_text(configuration: FunctionConfiguration, profile: Profile) -> None:
    found = environment(configuration, profile=profile)
    assert [name for name in found if "LOG_FORMAT" in name or "LOG_LEVEL" in name] == []


def test_group_is_that_of_the_configuration() -> None:
    configuration = replace(ECHO, logging=LogConfiguration(group="/shared"))
    assert environment(configuration)["AWS_LAMBDA_LOG_GROUP_NAME"] == "/shared"


def test_image_has_neither_handler_nor_execution_environment() -> None:
    image = FunctionConfiguration("tf", package_type=PackageType.IMAGE, image_uri="tf:1")
    assert environment(ECHO).keys() - environment(image).keys() == {
        "_HANDLER",
        "AWS_EXECUTION_ENV",
    }


@pytest.mark.parametrize("runtime", ["provided.al2023", "provided.al2", "provided"])
def test_runtime_of_the_operating_system_alone_has_no_execution_environment(runtime: str) -> None:
    found = environment(replace(ECHO, runtime=runtime))
    assert "AWS_EXECUTION_ENV" not in found
    assert found["_HANDLER"] == "app.handler"


def test_functions_own_variables_are_there_too() -> None:
    found = environment(replace(ECHO, environment={"MODE": "x", "TZ": "Europe/Berlin"}))
    assert (found["MODE"], found["TZ"]) == ("x", "Europe/Berlin")


def test_arn_is_qualified_by_a_published_version() -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:echo"
    assert (function_arn("echo"), function_arn("echo", "3")) == (arn, f"{arn}:3")


def test_jvm_has_awss_flags_for_its_memory_before_the_functions_own() -> None:
    java = replace(ECHO, runtime="java8", environment={"JAVA_TOOL_OPTIONS": "-Dmine=1"})
    told = environment(java, AWS_2018)["JAVA_TOOL_OPTIONS"].split()
    assert told[:2] == ["-XX:MaxHeapSize=222823k", "-XX:MaxMetaspaceSize=26214k"]
    assert told[-1] == "-Dmine=1"


def test_jvm_of_another_date_has_no_flags_of_ours() -> None:
    java = replace(ECHO, runtime="java8", environment={"JAVA_TOOL_OPTIONS": "-Dmine=1"})
    assert environment(java, AWS_2025)["JAVA_TOOL_OPTIONS"] == "-Dmine=1"
