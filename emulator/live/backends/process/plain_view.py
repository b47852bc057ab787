"""Shows a sandbox this machine as it is, where there is no bubblewrap."""

from __future__ import annotations

import os
import sys
from shlex import quote
from typing import TYPE_CHECKING

from emulator.live.backends.process.runtime_folder import PYTHON_OPTIONS, TASK, USER, Runtime
from emulator.live.backends.process.slot_script import check_environment, slot_script
from emulator.live.backends.supervisor import EXTENSIONS, around_the_shell, supervised

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.process.packages import Package
    from emulator.live.backends.sandbox_spec import SandboxSpec


class Plain:
    """Shows a sandbox this host as it is, with a folder of its own for temporary files."""

    launchers = 0

    def __init__(self, runtime: Runtime, folder: Path, *, drop_root: bool) -> None:
        self._runtime = runtime
        self._folder = folder
        self.drop_root = drop_root

    def tmp(self, name: str) -> Path:
        return self._folder / name

    def script(self, spec: SandboxSpec, package: Package, name: str) -> bytes:
        folder, runtime = spec.package, self._runtime
        prefix = runtime.prefix
        tmp = self.tmp(name)
        tmp.mkdir(mode=0o700)
        if self.drop_root:
            os.chown(tmp, USER, USER)
        environment = {
            "LD_LIBRARY_PATH": f"{folder}/task:{folder}/task/lib:{folder}/opt/lib:{prefix}/lib",
            "PATH": f"{prefix}/bin:/usr/local/bin:/usr/bin:/bin:{folder}/opt/bin",
            "PYTHONPATH": str(runtime.folder),
            **package.environment,
            **spec.environment,
            "TMPDIR": str(tmp),
            "LAMBDA_TASK_ROOT": f"{folder}/task",
            "LAMBDA_RUNTIME_DIR": str(runtime.folder),
            **({"_HANDLER": package.handler} if package.handler else {}),
        }
        check_environment(environment)
        given = around_the_shell(environment)
        bootstrap = [str(prefix / runtime.program), *PYTHON_OPTIONS]
        bootstrap += [str(runtime.folder / "bootstrap.pyc"), f"opt={folder}/opt", "group=own"]
        bootstrap += [f"uid={USER}"] if self.drop_root else []
        bootstrap += ["lifeline=4"] if sys.platform == "linux" else []
        words = supervised(
            [*given, *bootstrap, f"name={name}"],
            own_processes=False,
            extension=[*given, *bootstrap, f"name={name}", "run="],
            folder=f"{folder}{EXTENSIONS}",
            name=f"name={name}",
        )
        redirections = "3<&-"
        workdir = package.workdir.replace(TASK, f"{folder}/task", 1)
        return f"cd {quote(workdir)} || exit 126\n".encode() + slot_script(
            environment, words, redirections
        )
