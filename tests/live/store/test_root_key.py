from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from emulator.errors import SettingsError
from emulator.live.store.root_key import root_key

if TYPE_CHECKING:
    from pathlib import Path


def test_key_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    first = root_key(tmp_path)
    assert root_key(tmp_path) == first
    assert first.path.stat().st_mode & 0o777 == 0o600
    assert root_key(tmp_path) != root_key(_other(tmp_path))


def _other(folder: Path) -> Path:
    (folder / "other").mkdir()
    return folder / "other"


def test_tools_of_aws_read_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = root_key(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(made.path))
    found = boto3.Session().get_credentials()
    assert (found.access_key, found.secret_key) == (made.access_key, made.secret_key)


@pytest.mark.parametrize(
    "text", ["", "[default]\n", "no section", "[default]\naws_access_key_id=a"]
)
def test_file_without_a_key_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "credentials").write_text(text)
    with pytest.raises(SettingsError, match="credentials holds no access key"):
        root_key(tmp_path)
