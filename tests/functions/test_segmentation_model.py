from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import segmentation
import shapes

if TYPE_CHECKING:
    from types import ModuleType

FOLDER = Path(__file__).parents[2] / "functions" / "segmentation"
MODEL = FOLDER / "model"


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Segmentation's train.py; the name `train` is KDD99's."""
    spec = importlib.util.spec_from_file_location("segmentation_train", FOLDER / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def metadata() -> dict[str, Any]:
    return dict(json.loads((MODEL / "metadata.json").read_text(encoding="utf-8")))


def test_model_is_small_enough_for_the_tree() -> None:
    files = {
        path.relative_to(MODEL).as_posix(): path.stat().st_size
        for path in MODEL.rglob("*")
        if path.is_file()
    }
    assert set(files) == {
        "metadata.json",
        "saved_model/saved_model.pb",
        "saved_model/variables/variables.data-00000-of-00001",
        "saved_model/variables/variables.index",
    }
    assert sum(files.values()) < 3_000_000


def test_model_was_judged_on_images_that_it_never_saw() -> None:
    about = metadata()
    assert about["classes"] == list(shapes.CLASSES)
    assert about["parameters"] == 483_908
    assert about["images"] == {"training": 36_000, "test": 1_000}
    assert about["test"]["pixel_accuracy"] > 0.99
    assert about["test"]["mean_iou"] > 0.9


def test_sample_is_a_request_with_the_first_image_of_the_test(training: ModuleType) -> None:
    sample = json.loads((FOLDER / "sample.json").read_text(encoding="utf-8"))
    expected = shapes.make(1, metadata()["side"], training.Plan().test_seed).images[0]
    assert np.array_equal(segmentation.image_in(sample), expected)


def test_score_counts_every_pixel_and_every_class(training: ModuleType) -> None:
    actual = np.array([[0, 0, 1, 1], [0, 0, 2, 2]], np.uint8)
    predicted = np.array([[0, 0, 1, 0], [0, 0, 2, 2]], np.uint8)
    assert training.score(predicted, actual) == {
        "pixel_accuracy": 0.875,
        "mean_iou": 0.825,
        "iou": {"background": 0.8, "disc": 0.5, "box": 1.0, "triangle": 1.0},
    }


def test_rounds_and_the_test_share_no_seed(training: ModuleType) -> None:
    plan = training.Plan(seed=5, rounds=3, images_a_round=33, batch=32)
    assert plan.test_seed not in range(5, 5 + 3)
    assert plan.steps == 6
