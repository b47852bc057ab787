"""Finds, digests, measures and copies the files of a function's package.

Both backends use this module. It owns file trees and nothing else: it runs no tool and knows no
engine. Everything here blocks, so callers use a thread.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.core.function_configuration import PackageType
from emulator.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.core.function_configuration import FunctionConfiguration

UNZIPPED_LIMIT = 262_144_000
"""The most bytes of a zip function with its layers. Source: Lambda quotas, developer guide."""
_PIECE = 1 << 20
"""Bytes that are read and packed at a time."""
_INSTALLED = re.compile(r"task/[^/]+\.dist-info/")
_LEFT_OUT = frozenset({"__pycache__", ".git", ".aws-sam"})


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields every file of a folder, links followed, sorted: its path below the folder, the file.

    Raises:
        BuildError: the folder is missing, or holds what no package can hold.
    """
    if not folder.is_dir():
        raise BuildError(f"{folder} is not a folder")
    yield from _walk(folder, "", (folder.resolve(),))


def _walk(folder: Path, below: str, inside: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        if path.name in _LEFT_OUT:
            continue
        name = f"{below}{path.name}"
        if path.is_file():
            yield name, path
        elif path.is_dir():
            real = path.resolve()
            if real in inside:
                raise BuildError(f"{path} links to a folder that contains it")
            yield from _walk(path, f"{name}/", (*inside, real))
        elif path.is_symlink():
            raise BuildError(f"{path} is a link to nothing")
        else:
            raise BuildError(f"{path} is neither a file nor a folder")


def zip_content(configuration: FunctionConfiguration) -> dict[str, Path]:
    """Returns the source of each file of a zip function: `task/…` is /var/task, `opt/…` is /opt.

    Raises:
        BuildError: a folder is missing, or holds what no package can hold.
    """
    content = {f"task/{name}": path for name, path in files_below(Path(configuration.code))}
    for layer in configuration.layers:  # a later layer covers an earlier one
        content |= {f"opt/{name}": path for name, path in files_below(Path(layer))}
    return content


def requirements(content: Mapping[str, Path]) -> Path | None:
    """Returns the file of requirements that a Python function's package is to have installed.

    None where there is none, or where somebody has built the code already, as `sam build` does:
    then the packages lie beside the file, each with its `.dist-info`, and nothing is missing.
    """
    found = content.get("task/requirements.txt")
    return None if any(map(_INSTALLED.match, content)) else found


def digest(content: Mapping[str, Path], *salt: str) -> str:
    """Returns a digest of names, executable bits and bytes; `salt` is what else decides."""
    total = hashlib.sha256(repr(salt).encode())
    for name, path in sorted(content.items()):
        with path.open("rb") as file:
            one = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(repr((name, _executable(path), one)).encode())
    return total.hexdigest()[:32]


def copy(content: Mapping[str, Path], into: Path) -> None:
    """Copies all files, with mode 644 or 755, since a function runs as another user."""
    for part in ("task", "opt"):
        (into / part).mkdir(parents=True, exist_ok=True)
    for name, path in content.items():
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o755 if _executable(path) else 0o644)
    for part in ("task", "opt"):
        for folder, _, _ in os.walk(into / part):  # whatever the umask of this process is
            Path(folder).chmod(0o755)


def stage(configuration: FunctionConfiguration, into: Path) -> None:
    """Makes `into/task` and `into/opt` of a zip function, without its requirements.

    Raises:
        BuildError: a folder is missing, holds what no package can hold, or is too large.
    """
    content = zip_content(configuration)
    check_size(configuration.name, size_of(content))
    copy(content, into)


def size_of(content: Mapping[str, Path]) -> int:
    """Returns the bytes of a package's files."""
    return sum(path.stat().st_size for path in content.values())


def zipped_mb(configuration: FunctionConfiguration, package: str) -> float:
    """Returns the MB that a function's code and layers have as a zip; 0 for an image function.

    Where the package is a folder, all of it counts; of a package that is an image of a backend's
    own, what the template names, without what pip has installed in it. Image functions weigh
    nothing, since Lambda fetches images piece by piece. Takes some seconds for 250 MB.

    Raises:
        OSError: a file cannot be read.
        BuildError: a folder of the function is missing.
    """
    if configuration.package_type is not PackageType.ZIP:
        return 0.0
    folder = Path(package)
    content = dict(files_below(folder)) if folder.is_dir() else zip_content(configuration)
    return sum(map(_zipped, content.values())) / 1e6


def _zipped(path: Path) -> int:
    """Returns the bytes of a file as a zip has them, about a tenth more than the best zip's."""
    packer, size = zlib.compressobj(1), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            size += len(packer.compress(piece))
    return size + len(packer.flush())


def check_size(name: str, size: int) -> None:
    """Raises BuildError, in AWS's words, where the bytes of a package are too many."""
    if size >= UNZIPPED_LIMIT:
        raise BuildError(
            f"{name}: Unzipped size must be smaller than {UNZIPPED_LIMIT} bytes (it is {size} "
            "with its layers and requirements)"
        )


def _executable(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXUSR)
