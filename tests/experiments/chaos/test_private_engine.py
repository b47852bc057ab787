from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.chaos.private_engine import PrivateEngine

if TYPE_CHECKING:
    from pathlib import Path


def test_engine_of_its_own_is_refused_to_whoever_is_not_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PermissionError, match="needs root"), PrivateEngine(tmp_path, []):
        pass


def test_engine_of_its_own_needs_dockerd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="needs dockerd"), PrivateEngine(tmp_path, []):
        pass
