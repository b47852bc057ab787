"""YAML nodes to typed values, with every fault and its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sam.templates import faults, function

if TYPE_CHECKING:
    from pathlib import Path

MANY_DIGITS = "9" * 5000


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


def test_number_of_many_digits_is_a_fault(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            f"""
            MemorySize: {MANY_DIGITS}  #!
            Environment:
              Variables:
                A: {MANY_DIGITS}  #!
            """
        ),
    ) == [
        f"Echo: MemorySize must be a whole number, not '{MANY_DIGITS[:60]}…'",
        f"Echo: Environment: A must be text or a number, not '{MANY_DIGITS[:60]}…'",
    ]


def test_value_that_is_not_what_its_tag_says_is_a_fault(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            Environment:
              Variables:
                A: !!int one  #!
                B: !!float two  #!
                C: !!bool three  #!
            """
        ),
    ) == [
        "Echo: Environment: A must be text or a number, not 'one'",
        "Echo: Environment: B must be text or a number, not 'two'",
        "Echo: Environment: C must be text or a number, not 'three'",
    ]


def test_folder_whose_name_is_too_long_is_not_there(tmp_path: Path) -> None:
    name = "x" * 5000
    found = faults(tmp_path, function("").replace("CodeUri: code", f"CodeUri: {name}  #!"))
    assert found == [f"Echo: CodeUri: there is no folder {tmp_path / name}"]
