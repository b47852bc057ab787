"""Tells the user, in the emulator's log, of settings that are kept and shown and change nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

_INSTEAD = {
    "VpcConfig": "its sandboxes have the network that all functions here have",
    "FileSystemConfigs": "no file system is mounted",
    "KMSKeyArn": "its environment variables are not encrypted",
}
"""What is so in the place of each setting."""


def tell_of_no_effect(function_arn: str, arguments: Mapping[str, Any]) -> None:
    """Warns of each setting in a call that has no effect; one that is emptied is none."""
    for name, instead in _INSTEAD.items():
        if _says_something(arguments.get(name)):
            log.warning("%s of %s has no effect: %s", name, function_arn, instead)


def _says_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_says_something, value.values()))
    return bool(value)
