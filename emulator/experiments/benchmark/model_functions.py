"""Measures restores of the sample project's models, whose first answer is a prediction.

What pip would install for them takes minutes and a network, so that the functions have the
frameworks of this interpreter, as links to its files; a function whose framework is not installed
is left out. On processes alone: an image of TensorFlow takes an engine minutes.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import TestbedError
from emulator.experiments.benchmark.cold_request import (
    first_request_ms,
    wait_until_sandboxes_are_gone,
)
from emulator.experiments.benchmark.figures import Figures, restored_figures
from emulator.experiments.benchmark.snapshot import published
from emulator.project import TEMPLATE, project_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from emulator.experiments.runner.emulator_process import EmulatorProcess

_RESTORES, _COLD = 8, 2
"""Restores of each function, and cold starts in turns with these: one of TensorFlow takes seconds,
and all of a benchmark is to take a minute more at most."""
_NOT_COUNTED = 1
_READY_AGAIN = 0.5
"""Seconds after a start in which the forks that it took are made ready again."""
_PREDICT = b'{"records": [[0, 325, 2606]]}'
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_TEMPLATE_HEAD = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
"""
_RESOURCE = """\
  {resource}:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: {name}
      PackageType: Image
      MemorySize: 1769
      Timeout: 60
    Metadata:
      Dockerfile: {name}.Dockerfile
      DockerContext: .
"""
_DOCKERFILE = """\
FROM public.ecr.aws/lambda/python:3.13
COPY frameworks-{name}/ ${{LAMBDA_TASK_ROOT}}/
COPY models/layer/ kdd99/layer/ /opt/
COPY {name}/app.py ${{LAMBDA_TASK_ROOT}}/
CMD ["app.handler"]
"""


@dataclass(frozen=True, slots=True)
class ModelFunction:
    """Names a function of the sample project and what it is served with."""

    name: str
    module: str
    """What the function imports of its framework."""

    @property
    def figure(self) -> str:
        """Returns the name of the figure that something is wanted of."""
        return f"{self.name} restored p50, ms"


MODEL_FUNCTIONS = (
    ModelFunction("kdd99-litert", "ai_edge_litert"),
    ModelFunction("kdd99-tf", "tensorflow"),
)


def frameworks(module: str) -> Mapping[str, Path] | None:
    """Returns the files and folders of a module's distribution and of all that it requires.

    By their names among the packages of this interpreter; None where the module is not installed.
    """
    found: dict[str, Path] = {}
    waiting, seen = list(packages_distributions().get(module, ())), set[str]()
    if not waiting:
        return None
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            installed = distribution(name)
        except PackageNotFoundError:  # for another system or Python
            continue
        tops = {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}
        found |= {top: Path(str(installed.locate_file(top))) for top in tops}
        waiting += _required(installed.requires or ())
    return found


def _required(requirements: Sequence[str]) -> list[str]:
    """Returns the names of what is required without any extra."""
    plain = (line for line in requirements if "extra ==" not in line)
    return [match[0] for match in map(_NAME.match, plain) if match is not None]


def write_model_functions(folder: Path, functions: Mapping[str, Mapping[str, Path]]) -> None:
    """Writes a template of functions into a folder, which is made.

    `functions` has the frameworks' files of each function by its name.
    """
    folder.mkdir(parents=True)
    sources = project_path(TEMPLATE).parent
    for name in ("models", "kdd99", *functions):
        (folder / name).symlink_to(sources.resolve() / name)
    template = _TEMPLATE_HEAD
    for name, files in functions.items():
        links = folder / f"frameworks-{name}"
        links.mkdir()
        for top, path in files.items():
            (links / top).symlink_to(path.resolve())
        (folder / f"{name}.Dockerfile").write_text(_DOCKERFILE.format(name=name))
        resource = name.title().replace("-", "")
        template += _RESOURCE.format(resource=resource, name=name)
    (folder / "template.yaml").write_text(template)


def measure_models(
    backend: str, folder: Path, start: Callable[[Path, str, tuple[str, ...]], EmulatorProcess]
) -> tuple[Figures, list[str]]:
    """Returns the figures of restored models, and sentences on those that are left out.

    `start` prepares an emulator by the folder of its template, the name of its run there and its
    options.

    Raises:
        TestbedError: a request was not answered right.
    """
    if backend != "process":
        names = " and ".join(function.name for function in MODEL_FUNCTIONS)
        return {}, [f"restores of {names} are measured on processes alone"]
    found = {function: frameworks(function.module) for function in MODEL_FUNCTIONS}
    left_out = [
        f"{function.name}, as {function.module} is not installed here "
        "(pip install 'serverless-testbed[train]')"
        for function, files in found.items()
        if files is None
    ]
    there = {function.name: files for function, files in found.items() if files is not None}
    if not there:
        return {}, left_out
    write_model_functions(folder, there)
    figures: Figures = {}
    with start(folder, "restored", ("--keep-alive", "0")) as emulator:
        for name in there:
            taken = _measured(emulator, name)
            figures |= taken
            if not taken:
                left_out.append(f"{name}, as no snapshot of it was kept")
    return figures, left_out


def _measured(emulator: EmulatorProcess, name: str) -> Figures:
    """Returns the figures of one function; none where its version starts as any other."""
    version = published(emulator.url, name)
    latest = f"/2015-03-31/functions/{name}/invocations"
    restored: list[float] = []
    cold: list[float] = []
    for number in range(_NOT_COUNTED + _RESTORES):
        took_ms, kind = _predicted(emulator, f"{latest}?Qualifier={version}")
        if kind != "restored":
            return {}
        restored += [took_ms] if number >= _NOT_COUNTED else []
        if 0 < number <= _NOT_COUNTED + _COLD:  # the first reads the disk
            took_ms, _ = _predicted(emulator, latest)
            cold += [took_ms] if number > _NOT_COUNTED else []
    return restored_figures(restored, cold, f"{name} ")


def _predicted(emulator: EmulatorProcess, path: str) -> tuple[float, str]:
    time.sleep(_READY_AGAIN)
    took_ms, kind = first_request_ms(emulator.port, path, _PREDICT)
    if kind not in ("restored", "cold"):
        raise TestbedError(f"A first request of {path} had a {kind} start.")
    wait_until_sandboxes_are_gone(emulator.url)
    return took_ms, kind
