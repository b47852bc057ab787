"""The three functions side by side, and training from the start on a small set.

They need an interpreter with tensorflow, ai-edge-litert and scikit-learn:
`pytest -m tensorflow` there, with TESTBED_REQUIRE_TENSORFLOW=1 to fail where one is missing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dataset
import kdd99
import numpy as np
import pytest
import train

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    App = Callable[[str], ModuleType]


MISSING = [
    name
    for name in ("tensorflow", "ai_edge_litert", "sklearn")
    if importlib.util.find_spec(name) is None
]
pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("default"),  # the frameworks' own
    pytest.mark.skipif(
        bool(MISSING) and os.environ.get("TESTBED_REQUIRE_TENSORFLOW") != "1",
        reason=f"not in this interpreter: {', '.join(MISSING)}",
    ),
]


def probabilities(app: ModuleType, records: list[Any]) -> list[float]:
    answer = app.handler({"records": records}, None)
    return [prediction["probability"] for prediction in answer["predictions"]]


@pytest.mark.parametrize("function", ["kdd99-tf", "kdd99-litert"])
@pytest.mark.parametrize("rows", [1, 300, 7, 10_000])
def test_functions_agree_at_any_batch_size(
    app: App, known: dict[str, Any], function: str, rows: int
) -> None:
    order = np.random.default_rng(rows).integers(300, size=rows).tolist()
    records = [known["records"][row] for row in order]
    given = probabilities(app(function), records)
    assert given == pytest.approx(probabilities(app("kdd99-numpy"), records), rel=0, abs=1e-5)
    assert given == pytest.approx([known["probabilities"][row] for row in order], rel=0, abs=1e-5)


@pytest.mark.parametrize("function", ["kdd99-tf", "kdd99-litert"])
def test_functions_agree_where_probabilities_are_in_between(app: App, function: str) -> None:
    chance = np.random.default_rng(0)
    records = np.exp(chance.uniform(0, [8, 14, 18], (5_000, 3))).tolist()
    expected = probabilities(app("kdd99-numpy"), records)
    assert sum(0.01 < value < 0.99 for value in expected) > 500
    assert probabilities(app(function), records) == pytest.approx(expected, rel=0, abs=1e-5)


@pytest.mark.parametrize("function", ["kdd99-tf", "kdd99-litert"])
def test_functions_agree_at_the_ends_of_the_range(app: App, function: str) -> None:
    records = [[0, 0, 0], [1.7e308] * 3, [0, 1.7e308, 0], [1.7e308, 0, 0], [0, 0, 1.7e308]]
    expected = probabilities(app("kdd99-numpy"), records)
    assert probabilities(app(function), records) == pytest.approx(expected, rel=0, abs=1e-5)


@pytest.mark.parametrize("function", ["kdd99-tf", "kdd99-litert"])
def test_http_event_gets_labels_from_every_function(
    app: App, known: dict[str, Any], function: str
) -> None:
    event = {"version": "2.0", "requestContext": {"http": {}}, "body": json.dumps(known)}
    response = app(function).handler(event, None)
    body = json.loads(response["body"])
    assert (response["statusCode"], body["model"]) == (200, function)
    assert [prediction["label"] for prediction in body["predictions"]] == known["labels"]


def small_set() -> dataset.Data:
    """2,000 rows, 100 of them attacks, of two clouds that overlap a little."""
    chance = np.random.default_rng(0)
    labels = (np.arange(2_000) < 100).astype(np.int64)
    logarithms = chance.normal(3, 1, (2_000, 3)) + 3 * labels[:, None]
    return dataset.Data(np.log(np.rint(np.exp(logarithms)) + 0.1), labels)


def test_training_reaches_the_optimum_of_another_solver() -> None:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - absent elsewhere

    data = small_set()
    model = train.fit(train.tensorflow(0), data)
    scaled = (data.features - model.means) / model.deviations
    solver = LogisticRegression(tol=1e-12, max_iter=10_000).fit(scaled, data.labels)
    assert model.weights == pytest.approx(solver.coef_[0], rel=1e-5)
    assert model.bias == pytest.approx(solver.intercept_[0], rel=1e-5)


def train_apart(file: Path, folder: Path) -> bytes:
    """The archive of a training in a process of its own, as TensorFlow numbers its functions."""
    code = (
        "import sys, dataset, train; from pathlib import Path;"
        "train.train(dataset.load_file(Path(sys.argv[1])), 3, 0.3, Path(sys.argv[2]))"
    )
    paths = os.pathsep.join([str(Path(train.__file__).parent), *sys.path])
    environment = os.environ | {"PYTHONPATH": paths}
    command = [sys.executable, "-c", code, str(file), str(folder)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return (folder / "layer" / "kdd99" / "model.zip").read_bytes()


def test_same_data_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    file = tmp_path / "small.npz"
    np.savez(file, X=small_set().features, y=small_set().labels)
    with ThreadPoolExecutor() as beside:  # most of it is the import
        first, second = beside.map(
            train_apart, (file, file), (tmp_path / "first", tmp_path / "second")
        )
    assert first == second


def test_what_training_writes_is_what_a_function_reads(tmp_path: Path) -> None:
    matrix = train.train(small_set(), seed=3, test_share=0.3, folder=tmp_path)
    assert (matrix["tp"] + matrix["fn"], sum(matrix.values())) == (30, 600)
    model = kdd99.load(tmp_path / "layer" / "kdd99" / "model.zip", tmp_path)
    assert model.fields == dataset.FEATURES
    known = json.loads((tmp_path / "records.json").read_text())
    weights = json.loads((model.folder / "weights.json").read_text())
    features = model.prepare(kdd99.rows_of(known, model.fields))
    logits = features @ np.array(weights["weights"]) + weights["bias"]
    assert 1 / (1 + np.exp(-logits)) == pytest.approx(known["probabilities"], rel=0, abs=1e-6)


def test_split_keeps_the_share_of_attacks_and_every_row() -> None:
    training, test = dataset.split(small_set(), 0.3, seed=5)
    assert (len(training.labels), int(training.labels.sum())) == (1_400, 70)
    assert (len(test.labels), int(test.labels.sum())) == (600, 30)
    both = np.concatenate((training.features, test.features))
    assert np.array_equal(np.sort(both, axis=0), np.sort(small_set().features, axis=0))


def test_public_loader_reads_scikit_learns_own_cut_of_the_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import joblib  # noqa: PLC0415 - absent elsewhere

    rows = np.zeros((4, 41), dtype=object)
    rows[:, 0], rows[:, 4], rows[:, 5] = (0, 5, 2, 9), (200, 54540, 1, 1), (3000, 8314, 1, 1)
    rows[:, 2] = (b"http", b"http", b"http", b"smtp")
    rows[:, 11] = (1, 1, 0, 1)  # logged_in
    cache = tmp_path / "kddcup99-py3"
    cache.mkdir()
    joblib.dump(rows, cache / "samples")
    joblib.dump(np.array([b"normal.", b"back.", b"back.", b"x."], dtype=object), cache / "targets")
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    data = dataset.load_public()
    assert data.raw().tolist() == [[0, 200, 3000], [5, 54540, 8314]]
    assert data.labels.tolist() == [0, 1]
