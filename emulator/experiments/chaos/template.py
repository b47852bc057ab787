"""Writes the functions that are asked while things break, and their template."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "good"
"""The function whose answers are counted."""
BAD = "bad"
"""The function that misbehaves as it is told, and that nobody asks but a fault."""
SLOW = "slow"
"""The function whose init takes a second."""

RUNTIME_IMAGE = "public.ecr.aws/lambda/python:3.13"
"""AWS's base image of the functions' runtime."""

_TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.13
    Handler: app.handler
    CodeUri: code/
    MemorySize: 128
    Timeout: 10
Resources:
  Good:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: good
  Bad:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: bad
      Timeout: 3
  Slow:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: slow
      Environment: {Variables: {INIT_S: "1"}}
"""


def write_functions(folder: Path) -> Path:
    """Writes handler and template into a folder that is made; returns the template's path."""
    handler = resources.files(__package__).joinpath("handler.py").read_text(encoding="utf-8")
    (folder / "code").mkdir(parents=True, exist_ok=True)
    (folder / "code" / "app.py").write_text(handler, encoding="utf-8")
    template = folder / "template.yaml"
    template.write_text(_TEMPLATE, encoding="utf-8")
    return template
