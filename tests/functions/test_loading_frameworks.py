"""TensorFlow under each way of loading, and segmentation trained from the start on a few images.

They need an interpreter with tensorflow, as test_kdd99_frameworks.py does: `pytest -m tensorflow`
there, with TESTBED_REQUIRE_TENSORFLOW=1 to fail where it is missing.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import model_loading
import numpy as np
import pytest
import shapes

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    App = Callable[[str], ModuleType]

FUNCTIONS = Path(__file__).parents[2] / "functions"
MODELS = {
    "kdd99-tf": FUNCTIONS / "kdd99" / "layer" / "kdd99",
    "segmentation": FUNCTIONS / "segmentation" / "model",
}
SAMPLES = {
    "kdd99-tf": FUNCTIONS / "kdd99" / "sample.json",
    "segmentation": FUNCTIONS / "segmentation" / "sample.json",
}

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("default"),  # the framework's own
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None
        and os.environ.get("TESTBED_REQUIRE_TENSORFLOW") != "1",
        reason="not in this interpreter: tensorflow",
    ),
]


@pytest.fixture(params=list(MODELS))
def function(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its name; its app finds a model where the tree has one."""
    name = str(request.param)
    task = MODELS[name].parent
    monkeypatch.setenv("MODEL_LOADING", "package" if name == "segmentation" else "layer")
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(task))
    return name


def fetch_copy(monkeypatch: pytest.MonkeyPatch, function: str) -> list[str]:
    """Puts a copy of the model where S3's would be unzipped; the addresses that were asked for."""
    asked: list[str] = []

    def fetch(place: model_loading.Place, folder: Path) -> None:
        asked.append(place.url)
        shutil.copytree(MODELS[function], folder, dirs_exist_ok=True)

    monkeypatch.setattr(model_loading, "fetch", fetch)
    return asked


@pytest.mark.parametrize("loading", list(model_loading.Loading))
def test_answer_is_the_same_however_the_model_came(
    app: App, function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loading: str
) -> None:
    module = app(function)
    sample = json.loads(SAMPLES[function].read_text(encoding="utf-8"))
    usual = module.handler(sample, None)
    asked = fetch_copy(monkeypatch, function)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shutil.copytree(MODELS[function], tmp_path / "task" / "model")
    environ = {"MODEL_LOADING": loading, "LAMBDA_TASK_ROOT": str(tmp_path / "task")}
    source = model_loading.source(module.Served, function, MODELS[function], environ)
    monkeypatch.setattr(module, "served", source)
    assert [module.handler(sample, None) for _ in range(2)] == [usual, usual]
    times = 2 if loading == "s3-every-request" else int(loading.startswith("s3-"))
    assert asked == [f"s3://models/{function}.zip"] * times
    assert (source() is source()) is (not loading.endswith("every-request"))


@pytest.fixture
def segment(app: App, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], dict[str, Any]]:
    monkeypatch.setenv("MODEL_LOADING", "package")
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(MODELS["segmentation"].parent))
    handler = app("segmentation").handler
    return lambda event: dict(handler(event, None))


def mask_of(answer: dict[str, Any]) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(answer["mask"]), np.uint8).reshape(answer["shape"])


@pytest.mark.parametrize(("side", "least"), [(64, 0.985), (96, 0.98)])
def test_masks_of_new_images_are_right(
    segment: Callable[[Any], dict[str, Any]], side: int, least: float
) -> None:
    new = shapes.make(20, side, seed=1_000)
    masks = [mask_of(segment({"image": image.tolist()})) for image in new.images]
    assert np.mean(np.array(masks) == new.masks) > least


def test_image_need_not_be_square(segment: Callable[[Any], dict[str, Any]]) -> None:
    pixels = base64.b64encode(bytes(16 * 512)).decode()
    answer = segment({"image": pixels, "shape": [16, 512]})
    assert mask_of(answer).shape == (16, 512)
    assert sum(answer["share"].values()) == pytest.approx(1, abs=1e-5)


def train_apart(folder: Path) -> dict[str, bytes]:
    """What a short training writes, in a process of its own as TensorFlow numbers its parts."""
    code = (
        "import sys, train; from pathlib import Path; train.TEST_IMAGES = 20;"
        "train.train(train.Plan(seed=3, rounds=2, images_a_round=32), Path(sys.argv[1]))"
    )
    environment = os.environ | {"PYTHONPATH": str(FUNCTIONS / "segmentation")}
    command = [sys.executable, "-c", code, str(folder)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    files = ("model/metadata.json", "model/saved_model/variables/variables.data-00000-of-00001")
    return {name: (folder / name).read_bytes() for name in (*files, "sample.json")}


def test_same_seed_gives_the_same_weights_and_scores(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as beside:  # most of it is the import
        first, second = beside.map(train_apart, (tmp_path / "first", tmp_path / "second"))
    assert first == second
