from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import train

SCRIPT = Path(__file__).parents[2] / "functions" / "kdd99" / "train.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_script_that_gets_other_data_stops_with_one_sentence(tmp_path: Path) -> None:
    np.savez(tmp_path / "few.npz", X=np.zeros((10, 3)), y=np.zeros(10))
    outcome = run("--data", str(tmp_path / "few.npz"), "--out", str(tmp_path))
    assert outcome.returncode == 1
    assert outcome.stderr == (
        "train.py: The data has shape (10, 3) and 10 labels:"
        " 567,498 rows of 3 and as many labels are needed.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["few.npz"]


def test_script_that_gets_no_file_stops_with_one_sentence(tmp_path: Path) -> None:
    outcome = run("--data", str(tmp_path / "none.npz"))
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("train.py: ")
    assert outcome.stderr.count("\n") == 1


def test_confusion_matrix_counts_each_outcome() -> None:
    probabilities = np.array([0.9, 0.5, 0.4, 0.6, 0.1, 0.2, 0.3])
    labels = np.array([1, 1, 1, 0, 0, 0, 0])
    assert train.confusion(probabilities, labels) == {"tp": 2, "fn": 1, "fp": 1, "tn": 3}


def test_same_files_pack_to_the_same_bytes(tmp_path: Path) -> None:
    folder, archives = tmp_path / "files", [tmp_path / "1.zip", tmp_path / "2.zip"]
    for archive, names in zip(archives, (("a", "b/c"), ("b/c", "a")), strict=True):
        for when, name in enumerate(names):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
            os.utime(path, (when, when))
        train.pack(folder, archive)
    assert archives[0].read_bytes() == archives[1].read_bytes()
    assert zipfile.ZipFile(archives[0]).namelist() == ["a", "b/c"]
