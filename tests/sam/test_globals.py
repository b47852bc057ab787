"""What Globals state for every function, and how it merges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.function_url import Cors, FunctionUrl, UrlAuth
from emulator.core.log_configuration import ApplicationLogLevel, LogConfiguration, LogFormat
from tests.sam.templates import faults, read

if TYPE_CHECKING:
    from pathlib import Path


def test_globals_give_way_to_values_and_merge_with_mappings_and_lists(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """
        Globals:
          Function:
            Runtime: python3.11
            CodeUri: code
            Timeout: 30
            Layers: [!Ref Shared]
            Environment:
              Variables: {A: all, B: all}
        Resources:
          Shared: {Type: "AWS::Serverless::LayerVersion", Properties: {ContentUri: layer}}
          More: {Type: "AWS::Serverless::LayerVersion", Properties: {ContentUri: other}}
          One:
            Type: AWS::Serverless::Function
            Properties:
              Handler: app.one
              Timeout: 5
              Layers: [!Ref More]
              Environment:
                Variables: {B: own, C: own}
          Two:
            Type: AWS::Serverless::Function
            Properties: {Handler: app.two}
        """,
    )
    one, two = template.functions
    assert (one.runtime, one.timeout, one.code) == ("python3.11", 5, str(tmp_path / "code"))
    assert one.environment == {"A": "all", "B": "own", "C": "own"}
    assert one.layers == (str(tmp_path / "layer"), str(tmp_path / "other"))
    assert (two.timeout, two.environment) == (30, {"A": "all", "B": "all"})
    assert two.layers == (str(tmp_path / "layer"),)


def test_a_fault_of_globals_is_told_once(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        """
        Globals:
          Function:
            CodeUri: gone  #!
            Runtime: python3.13
            Handler: app.handler
            Timeout: soon  #!
            Environment:
              Variables: {A: null}  #!
        Resources:
          One: {Type: "AWS::Serverless::Function", Properties: {Timeout: 3}}
          Two: {Type: "AWS::Serverless::Function"}
          Three: {Type: "AWS::Serverless::Function"}
        """,
    ) == [
        f"Globals: CodeUri: there is no folder {tmp_path / 'gone'}",
        "Globals: Timeout must be a whole number, not 'soon'",
        'Globals: Environment: A is null; an empty text is ""',
    ]


def test_globals_options_merge_key_by_key(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """
        Globals:
          Function:
            CodeUri: code
            Runtime: python3.13
            Handler: app.handler
            Architectures: [x86_64]
            EphemeralStorage: {Size: 1024}
            ReservedConcurrentExecutions: 10
            AutoPublishAlias: live
            ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 1}
            LoggingConfig: {LogFormat: JSON, LogGroup: /all}
            FunctionUrlConfig:
              AuthType: AWS_IAM
              Cors: {AllowMethods: [GET], MaxAge: 5, AllowCredentials: true}
        Resources:
          One:
            Type: AWS::Serverless::Function
            Properties:
              EphemeralStorage: {Size: 2048}
              ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 3}
              LoggingConfig: {LogGroup: /one, ApplicationLogLevel: ERROR}
              FunctionUrlConfig:
                AuthType: NONE
                Cors: {AllowMethods: [POST], AllowCredentials: false}
          Two: {Type: "AWS::Serverless::Function"}
        """,
    )
    one, two = template.functions
    assert (one.ephemeral_storage_mb, one.provisioned_concurrency) == (2048, 3)
    assert one.logging == LogConfiguration(LogFormat.JSON, ApplicationLogLevel.ERROR, group="/one")
    cors = Cors(allow_credentials=False, allow_methods=("GET", "POST"), max_age=5)
    assert one.function_url == FunctionUrl(UrlAuth.NONE, cors=cors)
    assert (two.ephemeral_storage_mb, two.provisioned_concurrency) == (1024, 1)
    assert two.logging == LogConfiguration(LogFormat.JSON, group="/all")
    cors = Cors(allow_credentials=True, allow_methods=("GET",), max_age=5)
    assert two.function_url == FunctionUrl(UrlAuth.AWS_IAM, cors=cors)


def test_a_fault_of_globals_options_is_told_once(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        """
        Globals:
          Function:
            CodeUri: code
            Runtime: python3.13
            Handler: app.handler
            EphemeralStorage: {Sizes: 1}  #!
            ImageConfig: {Command: [a]}  #!
        Resources:
          One: {Type: "AWS::Serverless::Function"}
          Two: {Type: "AWS::Serverless::Function"}
        """,
    ) == [
        "Globals: EphemeralStorage: 'Sizes' is not supported; did you mean 'Size'?",
        "Globals: EphemeralStorage needs Size",
        "Globals: Function: 'ImageConfig' is not supported",
    ]
