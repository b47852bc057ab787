"""The whole template: parameters, resources, what a profile refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.core.prices import Architecture
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.routes import Route
from emulator.errors import TemplateError
from emulator.sam.template import load
from tests.sam.templates import HEAD, TABLE, faults, function, read, written


def test_parameters_stand_for_their_defaults(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """\
Parameters:
  Memory: {Type: Number, Default: 1024, Description: MB}
  Seconds: {Type: String, Default: "7"}
  Stage: {Type: String, Default: dev}
"""
        + function(
            """
            FunctionName: !Sub echo-${Stage}
            MemorySize: !Ref Memory
            Timeout: {Ref: Seconds}
            Environment:
              Variables:
                STAGE: !Ref Stage
                ALL: !Sub "${Stage}:${Memory} ${!Literal} $x"
                LONG: {"Fn::Sub": "${Stage}"}
            """
        ),
    )
    configuration = template.functions[0]
    assert configuration.name == "echo-dev"
    assert (configuration.memory_mb, configuration.timeout) == (1024, 7)
    assert configuration.environment == {
        "STAGE": "dev",
        "ALL": "dev:1024 ${Literal} $x",
        "LONG": "dev",
    }


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        """
        Hooks: {}  #!
        Globals:
          Function:
            CapacityProviderConfig: {}  #!
          StateMachine: {}  #!
        Resources:
          Table:
            Type: AWS::EC2::Instance  #!
          Nothing:  #!
            Properties: {}
          Echo:
            Type: AWS::Serverless::Function
            DependOn: Table  #!
            Properties:
              CodeUri: nowhere  #!
              Handler:  #!
              Runtime: 3.13  #!
              MemorySize: lots  #!
              Timeout: 0  #!
              Enviroment: {}  #!
              InlineCode: x  #!
              Layers:
                - layer  #!
                - !Ref Table  #!
        """,
    ) == [
        "the template: 'Hooks' is not supported",
        "Globals: Function: 'CapacityProviderConfig' is not supported",
        "Globals: 'StateMachine' is not supported",
        TABLE,
        "Nothing needs Type",
        "Echo: 'DependOn' is not supported; did you mean 'DependsOn'?",
        f"Echo: CodeUri: there is no folder {tmp_path / 'nowhere'}",
        "Echo: Handler must be text, not empty",
        "Echo: Runtime must be text, not '3.13'",
        "Echo: MemorySize must be a whole number, not 'lots'",
        "Echo: Timeout must be 1 or more, not 0",
        "Echo: 'Enviroment' is not supported; did you mean 'Environment'?",
        "Echo: 'InlineCode' is not supported",
        "Echo: Layers: 'layer' is no layer of this template, and no ARN of one",
        "'Table' is no parameter or resource of this template",
    ]


def test_each_wrong_parameter_is_told_with_its_line(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        """\
Parameters:
  Bare: {Type: String}  #!
  Typeless: {Default: 1}  #!
  Other:
    Type: AWS::SSM::Parameter::Value<String>  #!
    Default: a,b
    NoEcko: true  #!
  Void:
    Type: String
    Default:  #!
"""
        + function(""),
    ) == [
        "Bare needs a Default, or a value (testbed deploy --parameter Bare=VALUE)",
        "Typeless needs Type",
        (
            "Other: Type 'AWS::SSM::Parameter::Value<String>' is not supported: nothing is read "
            "from SSM here"
        ),
        "Other: 'NoEcko' is not supported; did you mean 'NoEcho'?",
        'Void: Default is null; an empty text is ""',
    ]


def test_another_machines_architecture_is_billed_and_remarked_on(tmp_path: Path) -> None:
    template = read(tmp_path, function("Architectures: [arm64]"))
    assert template.functions[0].architecture is Architecture.ARM64
    assert template.remarks == ("Echo is billed as arm64, and runs on this machine's x86_64.",)
    assert load(tmp_path / "template.yaml", machine="aarch64").remarks == ()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"gone.yaml: cannot be read: No such file"):
        load(tmp_path / "gone.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: b\nc: \xe9\n")
    with pytest.raises(TemplateError, match=r"latin.yaml:2: no YAML: it is not UTF-8"):
        load(path)


def test_a_profile_adds_what_create_function_would_refuse(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + function("MemorySize: 1000\nTimeout: 600\n"))
    assert load(path, AWS_2025).functions[0].memory_mb == 1000
    with pytest.raises(TemplateError) as raised:
        load(path, AWS_2018)
    assert str(raised.value) == (
        f"{path}:3: Echo: 'MemorySize' value must be a multiple of 64 MB under aws-2018: 1000\n"
        f"{path}:3: Echo: 1 validation error detected: Value '600' at 'timeout' failed to satisfy "
        "constraint: Member must have value less than or equal to 300"
    )


def test_a_profile_refuses_more_concurrency_than_the_account_has(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + function("ReservedConcurrentExecutions: 901\n"))
    assert load(path).functions[0].reserved_concurrency == 901
    with pytest.raises(TemplateError) as raised:
        load(path, AWS_2025)
    assert str(raised.value) == (
        f"{path}:3: Echo: Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )


def test_the_repositorys_own_template_can_be_read() -> None:
    path = Path(__file__).parents[2] / "functions" / "template.yaml"
    template = load(path, AWS_2025)
    names = [configuration.name for configuration in template.functions]
    assert sorted(names) == ["echo", "kdd99-litert", "kdd99-numpy", "kdd99-tf"]
    assert Route("POST", "/predict", "kdd99-tf") in template.routes
