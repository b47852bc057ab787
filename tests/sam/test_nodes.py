"""YAML nodes to typed values, with every fault and its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.errors import TemplateError
from emulator.sam.template import load
from tests.sam.templates import HEAD, faults, function, written

if TYPE_CHECKING:
    from pathlib import Path


def test_wrong_kinds_of_values(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            FunctionName: [a]  #!
            Timeout: 2.5  #!
            MemorySize: true  #!
            ReservedConcurrentExecutions: -1  #!
            Layers: one  #!
            Architectures:
              x86_64: yes  #!
            Environment:
              Variables:
                - A  #!
            Events: GET /  #!
            """
        ),
    ) == [
        "Echo: FunctionName must be a single value, not a list",
        "Echo: Timeout must be a whole number, not '2.5'",
        "Echo: MemorySize must be a whole number, not 'true'",
        "Echo: ReservedConcurrentExecutions must be 0 or more, not -1",
        "Echo: Layers must be a list, not 'one'",
        "Echo: Architectures must be a list, not a mapping",
        "Echo: Environment must be a mapping, not a list",
        "Echo: Events must be a mapping, not 'GET /'",
    ]


def test_intrinsic_functions_other_than_parameters_are_refused(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        "Parameters:\n  Stage: {Type: String, Default: dev}\n"
        + function(
            """
            Description: !GetAtt is.not.read
            Timeout: !Ref Stage  #!
            MemorySize: !FindInMap [a, b, c]  #!
            Tags: !Ref Whatever
            Environment:
              Variables:
                A: !GetAtt Table.Arn  #!
                B: !Ref AWS::Region  #!
                C: !Sub "${AWS::Region}"  #!
                D: !Sub ["${a}", {a: b}]  #!
                E:
                  Fn::Join: [",", [a, b]]  #!
                F: null  #!
            Events: !Ref Stage  #!
            """
        ),
    ) == [
        "Echo: Timeout must be a whole number, not 'dev'",
        "Echo: MemorySize: !FindInMap is not supported here, only !Ref and !Sub of parameters",
        "Echo: Environment: A: !GetAtt is not supported here, only !Ref and !Sub of parameters",
        "Echo: Environment: B: 'AWS::Region' is no parameter of this template",
        "Echo: Environment: C: 'AWS::Region' is no parameter of this template",
        "Echo: Environment: D: !Sub is not supported here, only !Ref and !Sub of parameters",
        "Echo: Environment: E: !Join is not supported here, only !Ref and !Sub of parameters",
        'Echo: Environment: F is null; an empty text is ""',
        "Echo: Events must be a mapping, not !Ref",
    ]


def test_a_key_that_stands_twice(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            Timeout: 3
            Environment:
              Variables:
                A: 1
                A: 2  #!
                NO: 3  #!
            Timeout: 4  #!
            """
        ),
    ) == [
        "Echo: Environment: 'A' stands twice, first in line 12",
        "Echo: Environment: a key must be text, quote it: NO",
        "Echo: 'Timeout' stands twice, first in line 9",
    ]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "it is empty"),
        ("# nothing\n", 1, "it is empty"),
        ("Resources: {}\n", 1, "it needs 'Transform: AWS::Serverless-2016-10-31'"),
        (HEAD, 1, "it needs Resources"),
        (
            "Transform: Other\nResources: {}\n",
            1,
            "Transform must be AWS::Serverless-2016-10-31, not Other",
        ),
        (
            HEAD + "Resources:\n  a: b: c\n",
            3,
            "no YAML: mapping values are not allowed here",
        ),
        (
            HEAD + "Resources:\n  A: [1, 2\n",
            4,
            "no YAML: expected ',' or ']', but got '<stream end>', while parsing a flow sequence",
        ),
        (HEAD + "A: \x07\n", 2, "no YAML: special characters are not allowed"),
        (HEAD + "A: *b\n", 2, "no YAML: found undefined alias 'b'"),
        (
            "a: 1\n---\nb: 2\n",
            2,
            "no YAML: but found another document, expected a single document in the stream",
        ),
    ],
)
def test_no_template_at_all(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(TemplateError) as raised:
        load(path)
    assert str(raised.value).split("\n")[0] == f"{path}:{line}: {message}"
    assert raised.value.line == line
