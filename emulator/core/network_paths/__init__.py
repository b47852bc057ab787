"""Lists the network paths that a user may choose, by name; each is a module of constants."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from emulator.core.network_paths.aws_2018_sao_paulo import AWS_2018_SAO_PAULO
from emulator.core.network_paths.aws_2020_pacslab import AWS_2020_PACSLAB
from emulator.core.network_paths.aws_2021_zip_size import AWS_2021_ZIP_SIZE
from emulator.core.network_paths.local import LOCAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.network_path import NetworkPath

NO_NETWORK = LOCAL.name
"""Name of the path that adds nothing, which is every emulator's unless another is chosen."""
PATHS: Mapping[str, NetworkPath] = MappingProxyType(
    {path.name: path for path in (LOCAL, AWS_2018_SAO_PAULO, AWS_2020_PACSLAB, AWS_2021_ZIP_SIZE)}
)
"""Paths by name, the nearest and then the oldest first."""


def checked_path(name: str) -> str:
    """Returns a path's name as stated.

    Raises:
        ValueError: no path has the name; the message lists those that there are.
    """
    if name not in PATHS:
        raise ValueError(f"{name!r} is none of {', '.join(PATHS)}")
    return name
