"""The environment variables of a sandbox, and the names that AWS gives its function.

Source: the developer guide's "Defined runtime environment variables", and a recording of 2026-01.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.catalog import FunctionConfiguration

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"


def function_arn(name: str, version: str = "$LATEST") -> str:
    """The ARN; qualified unless the version is $LATEST."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}"
    return arn if version == "$LATEST" else f"{arn}:{version}"


def sandbox_environment(
    configuration: FunctionConfiguration, runtime_api: str, log_stream: str
) -> dict[str, str]:
    """Everything but what the backend's file system decides (LAMBDA_TASK_ROOT, PATH, …)."""
    environment = {
        "AWS_ACCESS_KEY_ID": "testbed",
        "AWS_SECRET_ACCESS_KEY": "testbed",
        "AWS_SESSION_TOKEN": "testbed",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": configuration.name,
        "AWS_LAMBDA_FUNCTION_VERSION": configuration.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{configuration.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
    }
    if configuration.handler:
        environment["_HANDLER"] = configuration.handler
    if configuration.runtime:
        environment["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{configuration.runtime}"
    return environment | dict(configuration.environment)
