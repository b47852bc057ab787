"""Reads small files of the kernel's, in /proc and in cgroups, on the path of a warm request.

Knows no format. `pathlib` takes three times as long: it parses the path, asks for the file's size
and position, and looks for a terminal.
"""

from __future__ import annotations

import os

_PIECE = 16_384
"""Bytes of one read; nearly every file of the kernel's is shorter."""


def read(path: str) -> bytes:
    """Returns the content of a file.

    Raises:
        OSError: there is no such file, or whatever it tells of has ended.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = piece = os.read(descriptor, _PIECE)
        while len(piece) == _PIECE:
            piece = os.read(descriptor, _PIECE)
            content += piece
        return content
    finally:
        os.close(descriptor)
