"""Templates for tests, and how their faults are read."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from emulator.errors import TemplateError
from emulator.sam.references import KINDS
from emulator.sam.template import Template, load

if TYPE_CHECKING:
    from pathlib import Path

TABLE = (
    "Table: Type 'AWS::EC2::Instance' is not supported, "
    f"only {', '.join(list(KINDS)[:-1])} and {list(KINDS)[-1]} are"
)
FETCH = (
    "Echo: event Fetch: Method 'FETCH' is none of ANY, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
)
HEAD = "Transform: AWS::Serverless-2016-10-31\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "template.yaml"
    path.write_text(text)
    return path


def read(folder: Path, text: str) -> Template:
    return load(written(folder, HEAD + textwrap.dedent(text)), machine="x86_64")


def faults(folder: Path, text: str) -> list[str]:
    """The messages, after checking that they name the lines marked `#!`, in their order."""
    whole = HEAD + textwrap.dedent(text)
    path = written(folder, whole)
    with pytest.raises(TemplateError) as raised:
        load(path, machine="x86_64")
    told = [line.removeprefix(f"{path}:").split(": ", 1) for line in str(raised.value).split("\n")]
    marked = [number for number, line in enumerate(whole.split("\n"), 1) if "#!" in line]
    assert sorted({int(number) for number, _ in told}) == marked
    assert raised.value.line == marked[0]
    return [message for _, message in told]


def function(properties: str, name: str = "Echo") -> str:
    """A template of one right zip function with more properties."""
    body = textwrap.indent(textwrap.dedent(properties).lstrip("\n"), " " * 6)
    return f"""\
Resources:
  {name}:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.13
{body}"""
