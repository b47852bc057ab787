"""Holds the function that is benchmarked, and starts an emulator of it.

`echo` has one vCPU, so that its quota is not what is measured, and the emulator is told of memory
for any number of sandboxes, so that their admission is not either.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from emulator.experiments.runner.emulator_process import EmulatorProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_HOST_MEMORY_MB = 65_536
_READY_WITHIN = 300.0
_TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: echo
      Runtime: python3.13
      Handler: app.handler
      CodeUri: echo/
      MemorySize: 1769
      Timeout: 30
"""
_HANDLER = "def handler(event, context):\n    return event\n"


def write_function(folder: Path) -> None:
    """Writes the function's template and code into a folder, which is made."""
    (folder / "echo").mkdir(parents=True)
    (folder / "template.yaml").write_text(_TEMPLATE, encoding="utf-8")
    (folder / "echo" / "app.py").write_text(_HANDLER, encoding="utf-8")


def echo_emulator(
    folder: Path,
    name: str,
    backend: str,
    *options: str,
    tell: Callable[[str], None],
    python: str = sys.executable,
    checkout: Path | None = None,
) -> EmulatorProcess:
    """Prepares an emulator of the function in `folder`, whose records go to `name` there.

    `checkout` is the folder of the code that `python` runs, where that is another than this one.
    """
    return EmulatorProcess(
        (
            *("--template", str(folder / "template.yaml")),
            *("--backend", backend, "--state-dir", str(folder / "state")),
            *("--run-dir", str(folder / name), "--host-memory", str(_HOST_MEMORY_MB)),
            *options,
        ),
        folder / f"{name}.log",
        ready_within=_READY_WITHIN,
        tell=tell,
        python=python,
        folder=checkout,
    )
