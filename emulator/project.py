"""Owns the sample project: functions, locustfiles, plans and calls that every installation has.

A wheel carries the sample project as data of this package, in the folder `_project`; a checkout has
the same files in its top-level folders. Nothing else may build paths to these files. Besides the
standard library this module knows nothing, since setup.py runs it to build the wheel.
"""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

PACKAGED = "_project"
"""Name of the folder that the package has in a wheel and not in a checkout."""
SMALL_STUDY = Path("studies", "small.toml")
SIMULATED_STUDY = Path("studies", "daitan-2018.toml")
"""The study of 2018, which names the times that its functions took: a plan to simulate at once."""
LIGHT_STUDY = Path("studies", "small-numpy.toml")
"""The study in small without TensorFlow, for slow machines."""
KDD99_RECORDS = Path("functions", "kdd99", "records.json")
LOCUSTFILES = Path("locustfiles")
TEMPLATE = Path("functions", "template.yaml")

_CARRIED = (
    "functions/.dockerignore",
    "functions/prediction.yaml",
    "functions/spin",
    "functions/study.yaml",
    "functions/template.yaml",
    "functions/echo",
    "functions/kdd99",
    "functions/kdd99-java",
    "functions/kdd99-litert",
    "functions/kdd99-numpy",
    "functions/kdd99-tf",
    "functions/models",
    "locustfiles",
    "studies/behaviours/daitan-2018.toml",
    "studies/behaviours/events.toml",
    "studies/daitan-2018.toml",
    "studies/events.toml",
    "studies/policies",
    "studies/prediction.toml",
    "studies/small-numpy.toml",
    "studies/small.toml",
    "studies/traces",
)
_UNWANTED = ("__pycache__", "*.pyc", ".*_cache", "target")


class ProjectExistsError(Exception):
    """Names the existing files that the sample project would overwrite."""

    def __init__(self, paths: list[Path]) -> None:
        super().__init__(", ".join(map(str, paths)))
        self.paths = paths


def project_path(part: Path) -> Path:
    """Returns the path in this installation of a part of the sample project (SMALL_STUDY …)."""
    package = Path(str(files("emulator")))
    packaged = package / PACKAGED
    return (packaged if packaged.is_dir() else package.parent) / part


def write_project(target: Path, *, overwrite: bool = False) -> list[Path]:
    """Copies the sample project into a folder and returns the paths of the copied files.

    Raises:
        ProjectExistsError: A file exists and may not be overwritten; nothing was written.
        OSError: The folder cannot be written.
    """
    copies = {target / path: project_path(path) for path in _carried_files()}
    if not overwrite and (present := [path for path in copies if path.exists()]):
        raise ProjectExistsError(present)
    for path, source in copies.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
        path.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
    return list(copies)


def _carried_files() -> list[Path]:
    """Lists the sample project's files, relative to the project's own folder."""
    root = project_path(Path())
    found: list[Path] = []
    for name in _CARRIED:
        path = root / name
        files_here = path.rglob("*") if path.is_dir() else [path]
        found += [file.relative_to(root) for file in files_here if file.is_file()]
    return sorted(
        path
        for path in found
        if not any(part.match(pattern) for pattern in _UNWANTED for part in map(Path, path.parts))
    )
