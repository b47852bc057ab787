"""Checks a function's configuration by Lambda's rules, and refuses in AWS's words.

Source of the messages and patterns: botocore's service model of Lambda (CreateFunction), the quotas
page of the developer guide, and the answers of AWS. Features that a profile's time did not have are
refused in our own words; images, which came in 2020, are allowed in all, as the study's functions
are images here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.core.constraints import constraint, too_long
from emulator.core.function_configuration import PackageType
from emulator.core.function_url import url_faults
from emulator.core.log_configuration import LogConfiguration, log_faults
from emulator.core.prices import Architecture
from emulator.core.profile import Feature
from emulator.core.tenancy import unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile

_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")
_VARIABLE = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")
_LONGEST_DIRECTORY = 1000
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
    """Returns Lambda's refusals of a configuration, a sentence each; none where it is valid."""
    url = configuration.function_url
    return [
        *_identity_faults(configuration),
        *_size_faults(configuration, profile),
        *_package_faults(configuration, profile),
        *_environment_faults(configuration, profile),
        *_provisioned_faults(configuration),
        *log_faults(configuration.logging),
        *(url_faults(url) if url else ()),
        *_tenancy_faults(configuration),
        *_snap_start_faults(configuration, profile),
        *_dated_faults(configuration, profile),
    ]


def concurrency_faults(
    configurations: Iterable[FunctionConfiguration], profile: Profile
) -> list[tuple[str, str]]:
    """Returns the functions whose concurrency the account has no room for, with AWS's refusals.

    Concurrency is set in order, and a refused function takes nothing. Provisioned concurrency
    without a reservation is taken from the account's, as a reservation is; `least_unreserved` of
    that must stay.
    """
    left = profile.account_concurrency
    found = []
    for configuration in configurations:
        reserved = configuration.reserved_concurrency
        taken = (reserved if reserved is not None else configuration.provisioned_concurrency) or 0
        if taken and left - taken < profile.least_unreserved:
            what = "Concurrent" if reserved is None else "ReservedConcurrent"
            message = (
                f"Specified {what}Executions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of "
                f"[{profile.least_unreserved}]."
            )
            found.append((configuration.name, message))
        else:
            left -= taken
    return found


def _identity_faults(configuration: FunctionConfiguration) -> list[str]:
    found = []
    if not _NAME.fullmatch(configuration.name):
        pattern = f"satisfy regular expression pattern: {_NAME.pattern}"
        found.append(constraint(configuration.name, "functionName", pattern))
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
        found.append(constraint(memory, "memorySize", limit))
    elif memory < profile.least_memory_mb:
        limit = f"have value greater than or equal to {profile.least_memory_mb}"
        found.append(constraint(memory, "memorySize", limit))
    elif memory % profile.memory_step_mb:
        found.append(
            f"'MemorySize' value must be a multiple of {profile.memory_step_mb} MB "
            f"under {profile.name}: {memory}"
        )
    if timeout > profile.max_timeout:
        limit = f"have value less than or equal to {profile.max_timeout}"
        found.append(constraint(timeout, "timeout", limit))
    elif timeout < 1:
        found.append(constraint(timeout, "timeout", "have value greater than or equal to 1"))
    return found + _storage_faults(configuration.ephemeral_storage_mb, profile)


def _storage_faults(storage: int, profile: Profile) -> list[str]:
    if storage > profile.most_storage_mb:
        rule = f"have value less than or equal to {profile.most_storage_mb}"
    elif storage < profile.least_storage_mb:
        rule = f"have value greater than or equal to {profile.least_storage_mb}"
    else:
        return []
    return [constraint(storage, "ephemeralStorage.size", rule)]


def _package_faults(configuration: FunctionConfiguration, profile: Profile) -> list[str]:
    found = []
    if len(configuration.layers) > profile.most_layers:
        found.append(f"Cannot reference more than {profile.most_layers} layers.")
    directory = configuration.image_working_directory
    return found + too_long(directory, "imageConfig.workingDirectory", _LONGEST_DIRECTORY)


def _provisioned_faults(configuration: FunctionConfiguration) -> list[str]:
    provisioned = configuration.provisioned_concurrency
    if provisioned is None:
        return []
    if provisioned < 1:
        rule = "have value greater than or equal to 1"
        return [constraint(provisioned, "provisionedConcurrentExecutions", rule)]
    reserved = configuration.reserved_concurrency
    if reserved is not None and provisioned > reserved:
        return [
            (
                "Requested Provisioned Concurrency should not be greater than the "
                "reservedConcurrentExecution for function"
            )
        ]
    return []


def _tenancy_faults(configuration: FunctionConfiguration) -> list[str]:
    """Returns the refusals of what goes with no tenant isolation, as the guide names it."""
    if not configuration.tenant_isolation:
        return []
    asked = {
        "Provisioned concurrency": configuration.provisioned_concurrency is not None,
        "A function URL": configuration.function_url is not None,
    }
    return [unsupported(feature) for feature, wanted in asked.items() if wanted]


SNAP_START_STORAGE_MB = 512
"""Most of a snapshot's /tmp ("Supported features and limitations", developer guide, H)."""
NOT_WITH_SNAP_START = "Provisioned Concurrency is not supported for SnapStart enabled functions."
"""AWS's refusal by the pattern of the ones for runtimes and images, which are known (M); that
SnapStart "does not support provisioned concurrency" is the developer guide's (H)."""
_IMAGE = "ContainerImage"
"""AWS's name of an image function where it refuses SnapStart, instead of the runtime's (M)."""


def _snap_start_faults(configuration: FunctionConfiguration, profile: Profile) -> list[str]:
    """Returns the refusals of what goes with no snapshot, where the profile's time had any.

    The sentence about a runtime is AWS's: `python3.12 is not supported for SnapStart enabled
    functions.` in a region without (aws-samples/bedrock-chat, issue 617).
    """
    if not configuration.snap_start or not profile.has(Feature.SNAP_START):
        return []
    found = []
    if what := _without_snapshots(configuration, profile):
        found.append(f"{what} is not supported for SnapStart enabled functions.")
    if configuration.provisioned_concurrency is not None:
        found.append(NOT_WITH_SNAP_START)
    if configuration.ephemeral_storage_mb > SNAP_START_STORAGE_MB:
        found.append(
            f"Ephemeral storage of more than {SNAP_START_STORAGE_MB} MB is not supported for "
            "SnapStart enabled functions."
        )
    return found


def _without_snapshots(configuration: FunctionConfiguration, profile: Profile) -> str:
    """Returns the runtime of which no snapshots are taken, or what images are called; else ''."""
    if configuration.package_type is PackageType.IMAGE:
        return "" if profile.snapshots_of_images else _IMAGE
    runtime = profile.runtime(configuration.runtime)
    return "" if runtime is not None and runtime.snap_start else configuration.runtime


def _dated_faults(configuration: FunctionConfiguration, profile: Profile) -> list[str]:
    """Returns the refusals of features that the profile's time did not have yet."""
    wanted = {
        Feature.PROVISIONED_CONCURRENCY: configuration.provisioned_concurrency is not None,
        Feature.ARM64: configuration.architecture is Architecture.ARM64,
        Feature.FUNCTION_URL: configuration.function_url is not None,
        Feature.LOGGING_CONFIGURATION: configuration.logging != LogConfiguration(),
        Feature.TENANT_ISOLATION: configuration.tenant_isolation,
        Feature.SNAP_START: configuration.snap_start,
    }
    return [
        f"{feature.title} came in {feature.since}: there is none under {profile.name}"
        for feature, asked in wanted.items()
        if asked and not profile.has(feature)
    ]


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
            found.append(constraint(name, "environment.variables", pattern))
    size = sum(len(f"{k}{v}".encode()) for k, v in configuration.environment.items())
    if size > profile.environment_limit:
        found.append(
            "Lambda was unable to configure your environment variables because the environment "
            f"variables you have provided exceeded the {profile.environment_limit // 1024}KB "
            f"limit. Size in bytes: {size}"
        )
    return found
