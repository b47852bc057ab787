from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.cli.output import plain, print_json, print_table

if TYPE_CHECKING:
    import pytest


class Kind(StrEnum):
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class Fact:
    kind: Kind
    where: Path
    figures: tuple[float, ...]


def test_facts_become_what_json_has() -> None:
    fact = Fact(Kind.COLD, Path("a/b"), (1.5, math.nan, math.inf))
    expected = {"kind": "cold", "where": "a/b", "figures": [1.5, None, None]}
    assert plain({256: fact}) == {"256": expected}


def test_json_can_be_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "größer", "figure": math.nan})
    assert json.loads(capsys.readouterr().out) == {"text": "größer", "figure": None}


def test_table_in_a_pipe_shows_brackets_and_long_words_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "[bold]" + "x" * 200
    print_table(("NAME", "AGE"), [(name, "1 s"), ("y", "10 s")], right=("AGE",))
    head, first, second = capsys.readouterr().out.splitlines()
    assert first == f"{name}   1 s"
    assert head.split() == ["NAME", "AGE"]
    assert second.endswith("  10 s")
