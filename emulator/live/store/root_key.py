"""Keeps the access key of the account's root user, in a file as AWS's tools read credentials.

The first key must come from somewhere: no call makes a user before somebody has the right to call.
"""

from __future__ import annotations

import base64
import configparser
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

FILE = "credentials"
_SECTION = "default"


@dataclass(frozen=True, slots=True)
class RootKey:
    """Holds the key, and the file that has it too."""

    path: Path
    access_key: str
    secret_key: str


def root_key(folder: Path) -> RootKey:
    """Returns the key in a folder's file, which is written at the first time, for its owner only.

    Raises:
        SettingsError: the file is there and holds no key.
    """
    path = folder / FILE
    if not path.exists():
        _write(path)
    read = configparser.ConfigParser(interpolation=None)
    try:
        read.read_string(path.read_text(encoding="utf-8"))
        section = read[_SECTION]
        return RootKey(path, section["aws_access_key_id"], section["aws_secret_access_key"])
    except (configparser.Error, KeyError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} holds no access key: {error}. Remove the file, and a new key is made."
        ) from error


def _write(path: Path) -> None:
    access = "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()
    secret = base64.b64encode(secrets.token_bytes(30)).decode()
    text = f"[{_SECTION}]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
