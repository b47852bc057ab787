from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.function_configuration import (
    FunctionConfiguration,
    ImageSource,
    PackageType,
)
from emulator.live.sandbox.base_runtime import base_runtime

if TYPE_CHECKING:
    from pathlib import Path


def image(dockerfile: Path) -> FunctionConfiguration:
    source = ImageSource(str(dockerfile), str(dockerfile.parent))
    return FunctionConfiguration("f", package_type=PackageType.IMAGE, image=source)


@pytest.mark.parametrize(
    ("base", "runtime"),
    [
        ("public.ecr.aws/lambda/java:8", "java8"),
        ("public.ecr.aws/lambda/java:8.al2", "java8.al2"),
        ("public.ecr.aws/lambda/python:3.6", "python3.6"),
        ("amazon/aws-lambda-nodejs:22", "nodejs22.x"),
        ("mirror.example/lambda/nodejs:22-x86_64", "nodejs22.x"),
        ("eclipse-temurin:21-jre", ""),
    ],
)
def test_image_runs_on_the_runtime_of_its_last_base(
    tmp_path: Path, base: str, runtime: str
) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(f"FROM public.ecr.aws/lambda/java:21 AS build\nFROM {base}\nCOPY . .\n")
    assert base_runtime(image(file)) == runtime


def test_zip_function_names_its_runtime() -> None:
    assert base_runtime(FunctionConfiguration("f", "java8", "a.B")) == "java8"


def test_image_without_its_dockerfile_tells_nothing(tmp_path: Path) -> None:
    assert base_runtime(image(tmp_path / "gone")) == ""
