"""Which models are measured, and what their packages are made of; frameworks are stand-ins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emulator.core.profiles.aws_2026 import AWS_2026
from emulator.experiments.benchmark import model_functions
from emulator.experiments.benchmark.figures import WANTED
from emulator.experiments.benchmark.model_functions import (
    MODEL_FUNCTIONS,
    frameworks,
    measure_models,
    write_model_functions,
)
from emulator.experiments.runner.emulator_process import EmulatorProcess
from emulator.live.backends.process import dockerfile
from emulator.sam import template

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

LITERT, TENSORFLOW = MODEL_FUNCTIONS


def never(*_: object) -> EmulatorProcess:
    raise AssertionError("nothing is to be started")


def test_something_is_wanted_of_each_model() -> None:
    assert {function.figure for function in MODEL_FUNCTIONS} < set(WANTED)


def test_a_framework_comes_with_all_that_it_requires() -> None:
    found = frameworks("boto3")
    assert found is not None
    assert {"boto3", "botocore", "s3transfer", "dateutil", "six.py"} <= found.keys()
    assert all(path.exists() for path in found.values())


def test_a_framework_that_is_not_installed_is_none() -> None:
    assert frameworks("no_such_framework") is None


def test_functions_are_packages_of_the_sample_project_and_the_frameworks(tmp_path: Path) -> None:
    installed = tmp_path / "site/lite"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    write_model_functions(tmp_path / "models", {"kdd99-litert": {"lite": installed}})
    (function,) = template.load(tmp_path / "models/template.yaml", AWS_2026).functions
    assert (function.name, function.memory_mb) == ("kdd99-litert", 1769)
    assert function.image is not None
    recipe = dockerfile.read(Path(function.image.dockerfile), Path(function.image.context))
    assert {
        "task/app.py",
        "task/lite/__init__.py",
        "opt/python/kdd99.py",
        "opt/python/model_loading.py",
        "opt/kdd99/model.zip",
    } <= recipe.content.keys()
    assert recipe.command == ("app.handler",)


def test_functions_without_their_framework_are_left_out_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_functions, "frameworks", lambda _: None)
    figures, left_out = measure_models("process", tmp_path / "models", never)
    assert figures == {}
    advice = "is not installed here (pip install 'serverless-testbed[train]')"
    assert left_out == [
        f"kdd99-litert, as ai_edge_litert {advice}",
        f"kdd99-tf, as tensorflow {advice}",
    ]


def test_containers_are_left_out_with_a_reason(tmp_path: Path) -> None:
    told = "restores of kdd99-litert and kdd99-tf are measured on processes alone"
    assert measure_models("docker", tmp_path / "models", never) == ({}, [told])


def test_restores_of_what_is_installed_are_measured(
    tmp_path: Path, stand_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(module: str) -> Mapping[str, Path] | None:
        return {} if module == LITERT.module else None

    def start(folder: Path, run: str, options: tuple[str, ...]) -> EmulatorProcess:
        asked = ("--backend", "process", "--run-dir", str(folder / run), *options)
        return EmulatorProcess(asked, folder / "log", ready_within=30.0, python=stand_in)

    monkeypatch.setattr(model_functions, "frameworks", found)
    monkeypatch.setattr(model_functions, "_READY_AGAIN", 0.0)
    figures, left_out = measure_models("process", tmp_path / "models", start)
    assert list(figures) == [
        "kdd99-litert restored p50, ms",
        "kdd99-litert restored p95, ms",
        "  kdd99-litert in turns with cold p50, ms",
        "  kdd99-litert restored over cold",
    ]
    assert min(figures.values()) > 0
    assert [told.partition(",")[0] for told in left_out] == ["kdd99-tf"]
