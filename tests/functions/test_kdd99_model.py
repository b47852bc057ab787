from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dataset
import kdd99
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    App = Callable[[str], ModuleType]

FUNCTIONS = Path(__file__).parents[2] / "functions"


def metadata() -> dict[str, Any]:
    with zipfile.ZipFile(kdd99.ARCHIVE) as archive:
        return dict(json.loads(archive.read("metadata.json")))


def test_archive_holds_every_form_of_the_model() -> None:
    with zipfile.ZipFile(kdd99.ARCHIVE) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == [
        "metadata.json",
        "model.tflite",
        "saved_model/saved_model.pb",
        "saved_model/variables/variables.data-00000-of-00001",
        "saved_model/variables/variables.index",
        "weights.json",
    ]


def test_metadata_counts_the_whole_set_and_its_split() -> None:
    about = metadata()
    assert about["features"] == ["duration", "src_bytes", "dst_bytes"]
    assert about["rows"] == {"all": 567_498, "training": 397_248}
    assert about["anomalies"] == {"all": 2_211, "training": 1_548}
    matrix = about["confusion"]
    assert matrix["tp"] + matrix["fn"] == 2_211 - 1_548
    assert sum(matrix.values()) == 567_498 - 397_248


def test_model_is_as_good_as_a_plain_solver() -> None:
    assert metadata()["confusion"] == {"tp": 662, "fn": 1, "fp": 3, "tn": 169_584}


def test_second_init_reuses_what_the_first_unzipped(tmp_path: Path) -> None:
    first = kdd99.load(parent=tmp_path)
    (first.folder / "mark").touch()
    second = kdd99.load(parent=tmp_path)
    assert second.folder == first.folder
    assert (second.folder / "mark").exists()
    assert list(tmp_path.iterdir()) == [first.folder]


def test_what_a_killed_init_left_is_not_taken_for_the_model(tmp_path: Path) -> None:
    half = tmp_path / "tmpkilled" / "model"
    half.mkdir(parents=True)
    (half / "metadata.json").write_text('{"feat')
    assert kdd99.load(parent=tmp_path).fields == ("duration", "src_bytes", "dst_bytes")


def test_slower_of_two_inits_takes_the_folder_of_the_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def lose_the_race(fresh: Path, folder: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        kdd99.load(parent=tmp_path)
        return rename(fresh, folder)

    monkeypatch.setattr(Path, "rename", lose_the_race)
    model = kdd99.load(parent=tmp_path)
    assert list(tmp_path.iterdir()) == [model.folder]
    assert (model.folder / "weights.json").exists()


def test_full_disk_is_not_taken_for_a_lost_race(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_fresh: Path, _folder: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="No space left"):
        kdd99.load(parent=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_model_gets_another_folder(tmp_path: Path) -> None:
    changed = tmp_path / "model.zip"
    changed.write_bytes(kdd99.ARCHIVE.read_bytes())
    with zipfile.ZipFile(changed, "a") as archive:
        archive.writestr("note", "changed")
    folders = {kdd99.load(parent=tmp_path).folder, kdd99.load(changed, tmp_path).folder}
    assert len(folders) == 2


def test_numpy_function_labels_known_records_rightly(app: App, known: dict[str, Any]) -> None:
    answer = app("kdd99-numpy").handler({"records": known["records"]}, None)
    assert [prediction["label"] for prediction in answer["predictions"]] == known["labels"]
    assert answer["model"] == "kdd99-numpy"
    assert (len(known["labels"]), sum(known["labels"])) == (300, 20)


def test_numpy_function_agrees_with_what_the_saved_model_gave(
    app: App, known: dict[str, Any]
) -> None:
    answer = app("kdd99-numpy").handler(known, None)
    given = [prediction["probability"] for prediction in answer["predictions"]]
    assert given == pytest.approx(known["probabilities"], rel=0, abs=1e-6)


def test_ten_thousand_rows_are_answered_in_order(app: App, known: dict[str, Any]) -> None:
    order = np.random.default_rng(1).integers(len(known["records"]), size=10_000).tolist()
    records = [known["records"][row] for row in order]
    answer = app("kdd99-numpy").handler({"records": records}, None)
    given = [prediction["probability"] for prediction in answer["predictions"]]
    expected = [known["probabilities"][row] for row in order]
    assert given == pytest.approx(expected, rel=0, abs=1e-6)


def test_extreme_values_give_a_probability_without_a_warning(app: App) -> None:
    extremes = [[1.7e308, 1.7e308, 1.7e308], [0, 0, 0]]
    first, second = app("kdd99-numpy").handler({"records": extremes}, None)["predictions"]
    assert first == {"probability": 1.0, "label": 1}
    assert second["label"] == 0


def test_sample_is_a_request_with_both_answers(app: App) -> None:
    sample = json.loads((FUNCTIONS / "kdd99" / "sample.json").read_text(encoding="utf-8"))
    predictions = app("kdd99-numpy").handler(sample, None)["predictions"]
    assert len(predictions) == 10
    assert sum(prediction["label"] for prediction in predictions) == 3


@pytest.mark.skipif("KDD99_DATA" not in os.environ, reason="KDD99_DATA names no npz file")
def test_real_data_is_what_the_model_was_trained_on(app: App) -> None:
    data = dataset.load_file(Path(os.environ["KDD99_DATA"]))
    dataset.check(data)
    assert data.digest() == metadata()["data_sha256"]
    numpy_app = app("kdd99-numpy")
    probabilities = numpy_app.predict(numpy_app.MODEL.prepare(data.raw().astype(np.float64)))
    wrong = (probabilities >= 0.5) != (data.labels == 1)
    # Of all rows: 8 attacks missed, 7 false alarms.
    assert (int(wrong[data.labels == 1].sum()), int(wrong[data.labels == 0].sum())) == (8, 7)
