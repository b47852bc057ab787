"""Makes the environment variables of a sandbox, and the names that AWS gives its function.

Source: the developer guide's "Defined runtime environment variables", and a recording of 2026-01.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.function_names import DEFAULT_ACCOUNT, DEFAULT_REGION
from emulator.core.log_configuration import ApplicationLogLevel, LogFormat
from emulator.core.model import LATEST
from emulator.core.profile import Feature
from emulator.live.sandbox.base_runtime import base_runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile

ACCOUNT_ID = DEFAULT_ACCOUNT
REGION = DEFAULT_REGION
_OS_ONLY = "provided"
"""Runtimes that bring none of AWS's; AWS_EXECUTION_ENV is not defined there."""

_NO_CREDENTIALS = dict.fromkeys(
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "testbed"
)
_SNAP_START = "snap-start"
_NOT_AFTER_A_RESTORE = ("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME")
"""Source: the note in "Monitoring for Lambda SnapStart", developer guide."""
_JVM_VARIABLE = "JAVA_TOOL_OPTIONS"
"""Variable that every JVM since 5 reads, and tells so in a line on its standard error."""


def function_arn(name: str, version: str = LATEST) -> str:
    """Returns a function's ARN, qualified unless the version is $LATEST."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}"
    return arn if version == LATEST else f"{arn}:{version}"


def sandbox_environment(
    configuration: FunctionConfiguration,
    runtime_api: str,
    log_stream: str,
    profile: Profile,
    *,
    initialization_type: str = "on-demand",
    credentials: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Returns all variables but those of the backend's file system (LAMBDA_TASK_ROOT, PATH, …).

    `credentials` are the variables with those of the function's role; None: words that stand-ins
    take. `initialization_type` is AWS's word: `on-demand`, `provisioned-concurrency`
    or `snap-start`. The Runtime
    API's address is there under every profile, as no sandbox could do without it.
    """
    environment = {
        **(credentials or _NO_CREDENTIALS),
        "AWS_DEFAULT_REGION": configuration.scope.region,
        "AWS_REGION": configuration.scope.region,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": configuration.name,
        "AWS_LAMBDA_FUNCTION_VERSION": configuration.version,
        "AWS_LAMBDA_LOG_GROUP_NAME": configuration.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
    }
    if profile.has(Feature.INITIALIZATION_TYPE):
        environment["AWS_LAMBDA_INITIALIZATION_TYPE"] = initialization_type
    if configuration.handler:
        environment["_HANDLER"] = configuration.handler
    if configuration.runtime and not configuration.runtime.startswith(_OS_ONLY):
        environment["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{configuration.runtime}"
    if initialization_type == _SNAP_START:
        for name in _NOT_AFTER_A_RESTORE:
            del environment[name]
    own = dict(configuration.environment)
    return environment | _logging(configuration, profile) | own | _java(configuration, profile)


def _java(configuration: FunctionConfiguration, profile: Profile) -> dict[str, str]:
    """Returns the variable by which a JVM of the function has AWS's flags for its memory.

    AWS's own start program gives the flags on its command line; in the variable they reach every
    image and both backends. What the function itself sets there comes after, and so wins.
    """
    runtime = profile.runtime(base_runtime(configuration))
    if runtime is None or runtime.jvm is None:
        return {}
    flags = " ".join(runtime.jvm.at(configuration.memory_mb))
    own = configuration.environment.get(_JVM_VARIABLE, "")
    return {_JVM_VARIABLE: f"{flags} {own}".rstrip()}


def _logging(configuration: FunctionConfiguration, profile: Profile) -> dict[str, str]:
    """Returns the variables that tell a runtime to log JSON; there are none for text."""
    logging = configuration.logging
    if logging.format is LogFormat.TEXT or not profile.has(Feature.LOGGING_CONFIGURATION):
        return {}
    level = logging.application_level or ApplicationLogLevel.INFO
    return {"AWS_LAMBDA_LOG_FORMAT": logging.format.value, "AWS_LAMBDA_LOG_LEVEL": level.value}
