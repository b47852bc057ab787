"""Writes the function that spins, and its template with one function for each memory size."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FULL_SPEED_MB = 3538
"""Memory size of two vCPUs: whatever the kernel charges a period, no quota runs out."""
_HEAD = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
"""
_FUNCTION = """\
  Spin{mb}:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: spin-{mb}
      Runtime: python3.13
      Handler: app.handler
      CodeUri: spin/
      MemorySize: {mb}
      Timeout: 30
"""


def write_functions(folder: Path, sizes: Iterable[int]) -> Path:
    """Writes a function for each memory size in MB and one at full speed.

    Returns the template's path.
    """
    handler = resources.files(__package__).joinpath("handler.py").read_text(encoding="utf-8")
    (folder / "spin").mkdir(parents=True, exist_ok=True)
    (folder / "spin" / "app.py").write_text(handler, encoding="utf-8")
    template = folder / "template.yaml"
    functions = "".join(_FUNCTION.format(mb=mb) for mb in (*sizes, FULL_SPEED_MB))
    template.write_text(_HEAD + functions, encoding="utf-8")
    return template
