"""Plans for tests: a template of two functions, and a plan that is right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from emulator.errors import SettingsError
from emulator.experiments.plan.cells import planned_cells
from emulator.experiments.plan.loader import load

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.plan.cells import PlannedCell

TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Loading:
    Type: String
    Default: layer
Globals:
  Function:
    Timeout: 30
Resources:
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties:
      ContentUri: code/layer/
  Numpy:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: kdd99-numpy
      Runtime: python3.13
      Handler: app.handler
      CodeUri: code/
      Layers: [!Ref Shared]
      Environment:
        Variables:
          MODEL_LOADING: !Ref Loading
          OTHER: "1"
      Events:
        Read:
          Type: HttpApi
          Properties: {Method: GET, Path: /health}
        Predict:
          Type: HttpApi
          Properties: {Method: POST, Path: /predict/numpy}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      PackageType: Image
    Metadata:
      DockerContext: code
      Dockerfile: Dockerfile
Outputs:
  Arn:
    Value: !GetAtt Echo.Arn
"""

PLAN = """\
name = "tiny"
template = "template.yaml"
seed = 3

[axes]
function = ["kdd99-numpy"]
memory_mb = [256, 512]
backend = ["process"]

[[scenario]]
kind = "ramp"
users = [1, 2]
seconds = 0.3
"""


def write_plan(folder: Path, text: str = PLAN) -> Path:
    """The plan's path; its template stands beside it."""
    (folder / "code" / "layer").mkdir(parents=True, exist_ok=True)
    (folder / "template.yaml").write_text(TEMPLATE)
    path = folder / "plan.toml"
    path.write_text(text)
    return path


def cells_of(folder: Path, text: str = PLAN) -> list[PlannedCell]:
    return planned_cells(load(write_plan(folder, text)))


def faults(tmp_path: Path, text: str, *, can_drop_caches: bool = True) -> list[str]:
    """The lines of the refusal of a plan, without their indent and their lines in the plan."""
    with pytest.raises(SettingsError) as caught:
        load(write_plan(tmp_path, text), can_drop_caches=can_drop_caches)
    head, *lines = str(caught.value).splitlines()
    assert head == f"{tmp_path / 'plan.toml'} is refused:"
    return [re.sub(r" \(line \d+\)$", "", line.strip()) for line in lines]
