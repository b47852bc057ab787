"""A tuning of one function of a template with two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.experiments.analysis.memory_choice import Strategy
from emulator.experiments.tune.tuning import Tuning

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: echo, Runtime: python3.13, Handler: app.handler, CodeUri: echo/}
  Other:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: other, Runtime: python3.13, Handler: app.handler, CodeUri: echo/}
"""


@pytest.fixture
def tuning(tmp_path: Path) -> Tuning:
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    return Tuning(
        function="echo",
        payloads=(b'{"records": [1]}', b'{"records": []}'),
        memories=(128, 256),
        invocations=6,
        strategy=Strategy.COST,
        weight=0.5,
        template=template,
        backend="process",
        profile="aws-2025",
    )
