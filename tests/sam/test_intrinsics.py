"""CloudFormation's functions and conditions, evaluated before anything is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.sam.template import load
from tests.sam.templates import HEAD, faults, function, read, written

if TYPE_CHECKING:
    from pathlib import Path

DECLARED = """\
Parameters:
  Stage: {Type: String, Default: dev}
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
Mappings:
  Sizes:
    dev: {Memory: 256}
    prod: {Memory: 1024}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsDev: !Not [Condition: IsProd]
  Both: !And [!Condition IsProd, !Condition IsDev]
  Either: !Or [!Condition IsProd, !Condition IsDev]
"""
OTHERS = """\
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "${Stage}-jobs"}
  Things:
    Type: AWS::Serverless::SimpleTable
  Files:
    Type: AWS::S3::Bucket
"""


def variables(folder: Path, *lines: str) -> dict[str, str]:
    """The environment that a function has of these lines."""
    body = "Environment:\n  Variables:\n" + "".join(f"    {line}\n" for line in lines)
    template = read(folder, DECLARED + function(body) + OTHERS)
    return dict(template.functions[0].environment)


def test_functions_that_make_text(tmp_path: Path) -> None:
    assert variables(
        tmp_path,
        "SUB: !Sub 'x-${Stage}-${!Literal}'",
        "OWN: !Sub ['${a}/${Stage}', {a: !Ref AWS::Region}]",
        "JOIN: !Join ['-', [a, !Ref Stage, 1]]",
        "LISTED: !Join ['+', !Ref Zones]",
        "SELECT: !Select [1, !Split ['/', 'p/q/r']]",
        "LONG: {'Fn::Select': [0, {'Fn::GetAZs': ''}]}",
        "B64: !Base64 hi",
        "MAP: !FindInMap [Sizes, !Ref Stage, Memory]",
        "PSEUDO: !Sub '${AWS::AccountId}.${AWS::URLSuffix}.${AWS::Partition}'",
    ) == {
        "SUB": "x-dev-${Literal}",
        "OWN": "us-east-1/dev",
        "JOIN": "a-dev-1",
        "LISTED": "a+b",
        "SELECT": "q",
        "LONG": "us-east-1a",
        "B64": "aGk=",
        "MAP": "256",
        "PSEUDO": "123456789012.amazonaws.com.aws",
    }


def test_names_of_resources_are_known_before_they_are_made(tmp_path: Path) -> None:
    assert variables(
        tmp_path,
        "URL: !Ref Queue",
        "ARN: !GetAtt Queue.Arn",
        "TABLE: !Ref Things",
        "STREAM: {'Fn::GetAtt': [Things, StreamArn]}",
        "BUCKET: !Sub '${Files}'",
        "SELF: !GetAtt Echo.Arn",
        "ROLE: !GetAtt EchoRole.Arn",
        "API: !Sub 'https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod/'",
    ) == {
        "URL": "https://sqs.us-east-1.amazonaws.com/123456789012/dev-jobs",
        "ARN": "arn:aws:sqs:us-east-1:123456789012:dev-jobs",
        "TABLE": "Things",
        "STREAM": "arn:aws:dynamodb:us-east-1:123456789012:table/Things/stream/LATEST",
        "BUCKET": "files",
        "SELF": "arn:aws:lambda:us-east-1:123456789012:function:Echo",
        "ROLE": "arn:aws:iam::123456789012:role/EchoRole",
        "API": "https://serverlessrestapi.execute-api.us-east-1.amazonaws.com/Prod/",
    }


def test_conditions_choose_values_and_no_value_takes_a_property_away(tmp_path: Path) -> None:
    assert variables(
        tmp_path,
        "A: !If [IsProd, yes-it-is, no-it-is-not]",
        "B: !If [Either, x, y]",
        "C: !If [Both, x, !Ref AWS::NoValue]",
    ) == {"A": "no-it-is-not", "B": "x"}


def test_resource_whose_condition_fails_is_not_there(tmp_path: Path) -> None:
    text = DECLARED + function("").replace("Properties:", "Condition: IsProd\n    Properties:", 1)
    assert read(tmp_path, text).functions == ()


def test_given_parameters_go_before_defaults(tmp_path: Path) -> None:
    path = written(
        tmp_path, HEAD + DECLARED + function("MemorySize: !FindInMap [Sizes, !Ref Stage, Memory]\n")
    )
    assert load(path).functions[0].memory_mb == 256
    assert load(path, given={"Stage": "prod"}).functions[0].memory_mb == 1024


def test_what_cannot_be_evaluated_is_told_once_with_its_line(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        DECLARED
        + function(
            """
            Description: !ImportValue other-stack  #!
            MemorySize: !FindInMap [Sizes, nowhere, Memory]  #!
            Timeout: !Select [7, [1]]  #!
            Environment:
              Variables:
                A: !GetAtt Echo.Color  #!
                B: !Ref Nobody  #!
                C: !Sub "${Nobody.Arn}"  #!
                D: !Cidr [a]  #!
                E: !Join ["-"]  #!
                F: !Made up  #!
                G: !If [Never, a, b]  #!
            """
        ),
    ) == [
        "!ImportValue: there are no exports of other stacks here",
        "!FindInMap: Mappings have no Sizes.nowhere",
        "!Select: there is no item 7 in a list of 1",
        "'Echo.Color' is no attribute that is known here",
        "'Nobody' is no parameter or resource of this template",
        "'Nobody.Arn' is no attribute that is known here",
        "!Cidr: there are no networks of AWS's here",
        "!Join takes a list of 2",
        "!Made: it is no function that is supported here",
        "'Never' is no condition of this template",
    ]


def test_names_that_lead_to_themselves_are_told(tmp_path: Path) -> None:
    assert faults(tmp_path, function("FunctionName: !Sub '${Echo}'  #!\n")) == [
        "!Sub leads to itself"
    ]
