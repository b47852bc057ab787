"""What a function configures besides its code, its size and its routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.sam.template import load
from tests.sam.templates import HEAD, faults, function, written

if TYPE_CHECKING:
    from pathlib import Path


def test_a_function_has_one_architecture(tmp_path: Path) -> None:
    assert faults(tmp_path, function("Architectures: [x86_64, arm64]  #!")) == [
        "Echo: Architectures: a function has one architecture"
    ]
    assert faults(tmp_path, function("Architectures: [i386]  #!")) == [
        "Echo: Architectures: 'i386' is none of x86_64, arm64"
    ]


def test_each_wrong_option_is_told_with_its_line(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            EphemeralStorage:
              Size: much  #!
            LoggingConfig:
              LogFormat: Yaml  #!
              ApplicationLogLevel: LOUD  #!
              Group: /x  #!
            AutoPublishAlias: [live]  #!
            ProvisionedConcurrencyConfig:
              ProvisionedConcurrentExecutions: 0  #!
            FunctionUrlConfig:
              AuthType: ME  #!
              InvokeMode: FAST  #!
              Cors:
                AllowCredentials: maybe  #!
                AllowMethods: GET  #!
                MaxAge: -1  #!
                Origins: []  #!
            TenancyConfig:
              TenantIsolationMode: SHARED  #!
            """
        ),
    ) == [
        "Echo: EphemeralStorage: Size must be a whole number, not 'much'",
        "Echo: LoggingConfig: LogFormat: 'Yaml' is none of Text, JSON",
        (
            "Echo: LoggingConfig: ApplicationLogLevel: 'LOUD' is none of "
            "TRACE, DEBUG, INFO, WARN, ERROR, FATAL"
        ),
        "Echo: LoggingConfig: 'Group' is not supported",
        "Echo: AutoPublishAlias must be a single value, not a list",
        (
            "Echo: ProvisionedConcurrencyConfig: ProvisionedConcurrentExecutions must be 1 or "
            "more, not 0"
        ),
        "Echo: FunctionUrlConfig: AuthType: 'ME' is none of NONE, AWS_IAM",
        "Echo: FunctionUrlConfig: InvokeMode: 'FAST' is none of BUFFERED, RESPONSE_STREAM",
        "Echo: FunctionUrlConfig: Cors: AllowCredentials must be true or false, not 'maybe'",
        "Echo: FunctionUrlConfig: Cors: AllowMethods must be a list, not 'GET'",
        "Echo: FunctionUrlConfig: Cors: MaxAge must be 0 or more, not -1",
        "Echo: FunctionUrlConfig: Cors: 'Origins' is not supported",
        "Echo: TenancyConfig: TenantIsolationMode: 'SHARED' is none of PER_TENANT",
    ]


def test_options_without_what_they_need(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            EphemeralStorage: {}  #!
            ProvisionedConcurrencyConfig: {}  #!
            FunctionUrlConfig: {}  #!
            TenancyConfig: {}  #!
            """
        ),
    ) == [
        "Echo: EphemeralStorage needs Size",
        "Echo: ProvisionedConcurrencyConfig needs AutoPublishAlias on the function",
        "Echo: ProvisionedConcurrencyConfig needs ProvisionedConcurrentExecutions",
        "Echo: FunctionUrlConfig needs AuthType",
        "Echo: TenancyConfig needs TenantIsolationMode",
    ]


def test_published_versions_may_have_snapshots(tmp_path: Path) -> None:
    for said, expected in (("", False), ("None", False), ("PublishedVersions", True)):
        option = f"SnapStart: {{ApplyOn: {said}}}" if said else ""
        template = load(written(tmp_path, HEAD + function(option)), machine="x86_64")
        assert template.functions[0].snap_start is expected


def test_function_may_be_isolated_by_tenant(tmp_path: Path) -> None:
    isolated = "TenancyConfig: {TenantIsolationMode: PER_TENANT}"
    for properties, expected in ((isolated, True), ("", False)):
        template = load(written(tmp_path, HEAD + function(properties)), machine="x86_64")
        assert template.functions[0].tenant_isolation is expected
