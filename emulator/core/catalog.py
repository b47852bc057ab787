"""The rules of a function's configuration, in AWS's words.

Source of the messages and patterns: botocore's service model of Lambda (CreateFunction) and the
quotas page of the developer guide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.core.model import FunctionVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.profile import Profile


class PackageType(StrEnum):
    ZIP = "Zip"
    IMAGE = "Image"


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Where an image function's image is built from, as SAM's Metadata names it."""

    dockerfile: str
    """Absolute path."""
    context: str
    """Absolute path."""


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """One version of a function as its owner configured it; paths are absolute."""

    name: str
    runtime: str = ""
    """Empty for an image."""
    handler: str = ""
    """Empty for an image."""
    package_type: PackageType = PackageType.ZIP
    memory_mb: int = 128
    timeout: int = 3
    environment: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    """The folder of a zip function's code."""
    layers: tuple[str, ...] = ()
    """Folders whose content goes to /opt, in order."""
    image: ImageSource | None = None
    image_uri: str = ""
    """An image that is there already, or can be pulled; instead of `image`."""
    image_command: tuple[str, ...] = ()
    """Overrides the image's CMD (SAM's ImageConfig.Command); empty: the image's own."""
    version: str = "$LATEST"
    reserved_concurrency: int | None = None

    def scheduled(self, revision: int) -> FunctionVersion:
        """What the scheduler must know of it."""
        return FunctionVersion(
            self.name, self.memory_mb, float(self.timeout), self.version, revision
        )


_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")
_VARIABLE = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")
_RESERVED_VARIABLES = frozenset(
    [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    ]
)


def faults(configuration: FunctionConfiguration, profile: Profile) -> list[str]:
    """Everything that CreateFunction would refuse, a sentence each; none means that it is valid."""
    return [
        *_identity_faults(configuration),
        *_size_faults(configuration, profile),
        *_environment_faults(configuration, profile),
    ]


def _constraint(value: object, member: str, constraint: str) -> str:
    return (
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: Member must {constraint}"
    )


def _identity_faults(configuration: FunctionConfiguration) -> list[str]:
    found = []
    if not _NAME.fullmatch(configuration.name):
        pattern = f"satisfy regular expression pattern: {_NAME.pattern}"
        found.append(_constraint(configuration.name, "functionName", pattern))
    if configuration.package_type is PackageType.ZIP:
        if not configuration.runtime or not configuration.handler:
            found.append(
                "Runtime and Handler are mandatory parameters for functions created with "
                "deployment packages."
            )
    elif configuration.runtime or configuration.handler or configuration.layers:
        found.append(
            "Please don't provide Handler or Runtime or Layer when the intended function "
            "PackageType is IMAGE."
        )
    return found


def _size_faults(configuration: FunctionConfiguration, profile: Profile) -> list[str]:
    found = []
    memory, timeout = configuration.memory_mb, configuration.timeout
    if memory > profile.most_memory_mb:
        limit = f"have value less than or equal to {profile.most_memory_mb}"
        found.append(_constraint(memory, "memorySize", limit))
    elif memory < profile.least_memory_mb:
        limit = f"have value greater than or equal to {profile.least_memory_mb}"
        found.append(_constraint(memory, "memorySize", limit))
    elif memory % profile.memory_step_mb:
        found.append(
            f"'MemorySize' value must be a multiple of {profile.memory_step_mb} MB "
            f"under {profile.name}: {memory}"
        )
    if timeout > profile.max_timeout:
        limit = f"have value less than or equal to {profile.max_timeout}"
        found.append(_constraint(timeout, "timeout", limit))
    elif timeout < 1:
        found.append(_constraint(timeout, "timeout", "have value greater than or equal to 1"))
    return found


def _environment_faults(configuration: FunctionConfiguration, profile: Profile) -> list[str]:
    found = []
    names = sorted(_RESERVED_VARIABLES & set(configuration.environment))
    if names:
        found.append(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(names)}"
        )
    for name in configuration.environment:
        if not _VARIABLE.fullmatch(name):
            pattern = f"satisfy regular expression pattern: {_VARIABLE.pattern}"
            found.append(_constraint(name, "environment.variables", pattern))
    size = sum(len(f"{k}{v}".encode()) for k, v in configuration.environment.items())
    if size > profile.environment_limit:
        found.append(
            "Lambda was unable to configure your environment variables because the environment "
            f"variables you have provided exceeded the {profile.environment_limit // 1024}KB "
            f"limit. Size in bytes: {size}"
        )
    return found
