from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import dataset
import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path


def small(rows: int = 100, anomalies: int = 4) -> dataset.Data:
    """Distinct rows: normal ones of (0, n, 2n), attacks of (n, 54540, 8314)."""
    number = np.arange(rows)
    raw = np.column_stack((0 * number, number, 2 * number))
    raw[:anomalies] = np.column_stack((number, 0 * number + 54540, 0 * number + 8314))[:anomalies]
    labels = (number < anomalies).astype(np.int64)
    return dataset.Data(np.log(raw + 0.1), labels)


def test_complete_data_passes() -> None:
    dataset.check(small(), rows=100, anomalies=4)


def test_full_set_is_what_is_asked_for() -> None:
    with pytest.raises(dataset.DataError, match="567,498 rows of 3"):
        dataset.check(small())


@pytest.mark.parametrize(
    ("rows", "anomalies", "complaint"),
    [
        (99, 4, r"shape \(100, 3\) and 100 labels: 99 rows of 3"),
        (100, 5, "has 4 anomalies, not 5"),
    ],
)
def test_other_counts_are_refused(rows: int, anomalies: int, complaint: str) -> None:
    with pytest.raises(dataset.DataError, match=complaint):
        dataset.check(small(), rows, anomalies)


def test_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(dataset.DataError, match="99 labels"):
        dataset.check(dataset.Data(small().features, small().labels[1:]), 100, 4)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_missing_values_are_counted_and_refused(value: float) -> None:
    data = small()
    data.features[[3, 7], [0, 2]] = value
    with pytest.raises(dataset.DataError, match="2 missing or infinite"):
        dataset.check(data, 100, 4)


def test_labels_that_only_sum_up_rightly_are_refused() -> None:
    data = small()
    data.labels[:4] = (3, 1, 0, 0)
    with pytest.raises(dataset.DataError, match="neither 0 nor 1"):
        dataset.check(data, 100, 4)


def test_raw_rows_are_the_counts_before_the_logarithm() -> None:
    assert small().raw()[[0, 3, 50]].tolist() == [[0, 54540, 8314], [3, 54540, 8314], [0, 50, 100]]


def test_digest_sees_order_and_labels_but_no_rounding() -> None:
    data = small()
    backwards = data.at(np.arange(100)[::-1])
    relabelled = dataset.Data(data.features, 1 - data.labels)
    assert dataset.Data(data.features + 1e-12, data.labels).digest() == data.digest()
    assert len({data.digest(), backwards.digest(), relabelled.digest()}) == 3


@pytest.mark.parametrize("shape", [(100,), (100, 1)])
def test_file_is_read_with_flat_or_upright_labels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "http.npz"
    np.savez(path, X=small().features, y=small().labels.reshape(shape))
    dataset.check(dataset.load_file(path), 100, 4)


def test_file_without_labels_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "http.npz", X=small().features)
    with pytest.raises(dataset.DataError, match=r"no array \['y'\]"):
        dataset.load_file(tmp_path / "http.npz")


def fake_scikit_learn(monkeypatch: pytest.MonkeyPatch, fetch: Any) -> None:
    module = ModuleType("sklearn.datasets")
    module.fetch_kddcup99 = fetch  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sklearn", ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", module)


def test_public_set_is_asked_for_in_full_and_its_attacks_become_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fetch(*, subset: str, percent10: bool) -> SimpleNamespace:
        assert (subset, percent10) == ("http", False)
        return SimpleNamespace(
            data=small().features.astype(object),
            target=np.where(small().labels == 1, b"back.", b"normal.").astype(object),
            feature_names=list(dataset.FEATURES),
        )

    fake_scikit_learn(monkeypatch, fetch)
    data = dataset.load_public()
    dataset.check(data, 100, 4)
    assert (data.features.dtype.name, data.labels.dtype.name) == ("float64", "int64")
    assert data.digest() == small().digest()


def test_other_columns_of_the_public_set_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["duration", "dst_bytes", "src_bytes"]
    fake_scikit_learn(monkeypatch, lambda **_: SimpleNamespace(feature_names=names))
    with pytest.raises(dataset.DataError, match=r"\['duration', 'dst_bytes', 'src_bytes'\]"):
        dataset.load_public()


def test_failed_download_names_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(**_: object) -> None:
        raise OSError("no network")

    fake_scikit_learn(monkeypatch, fetch)
    with pytest.raises(dataset.DataError, match=r"\(no network\): give a file by --data"):
        dataset.load_public()


def test_chosen_rows_are_distinct_and_of_both_classes() -> None:
    twice = np.concatenate((np.arange(100), np.arange(100)))
    chosen = small().at(twice).at(dataset.choose(small().at(twice), (90, 4), seed=0))
    assert (len(np.unique(chosen.raw(), axis=0)), chosen.labels.sum()) == (94, 4)


def test_choice_depends_on_the_seed_alone() -> None:
    first, again, other = (dataset.choose(small(), (50, 2), seed).tolist() for seed in (0, 0, 1))
    assert first == again != other
