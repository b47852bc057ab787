"""Makes the folder that is a sandbox's /var/runtime, with what its /etc has of its own."""

from __future__ import annotations

import py_compile
import sys
from dataclasses import dataclass
from pathlib import Path

from emulator.live.backends import forks as forks_room
from emulator.live.backends.local.seccomp import seccomp_filter

USER = 990_993
"""The uid and gid of functions: of no user of any host, and in the sandbox's /etc/passwd."""
_HOSTS = "127.0.0.1 sandbox.localdomain sandbox\n"
"""The first lines of a sandbox's /etc/hosts: the names by which its processes find each other."""
TASK = "/var/task"
OPT = "/opt"
RUNTIME_FOLDER = "/var/runtime"
PYTHON_OPTIONS = ("-S", "-s", "-P", "-B")
"""No site-packages of any kind, nothing before `sys.path`, no bytecode written. The variables
that Python reads stay in force, as on Lambda; this process's own do not reach the sandbox."""
FILTER = "seccomp.bpf"
TEMPLATE_FILTER = "template.bpf"


@dataclass(frozen=True, slots=True)
class Runtime:
    """Names the folder that is /var/runtime, and the interpreter that is /var/lang."""

    folder: Path
    prefix: Path
    program: str
    """The interpreter's path below `prefix`."""


def make_runtime(folder: Path) -> Runtime:
    """Writes /var/runtime to `folder`; the bootstrap is compiled, or every start would do it."""
    folder.mkdir(parents=True, exist_ok=True)
    forks = Path(forks_room.__file__)
    for module, beside in (
        ("bootstrap", Path(__file__)),
        ("snapshot_runtime", forks),
        ("snapshot_restore_py", forks),
    ):
        py_compile.compile(
            str(beside.with_name(f"{module}.py")),
            cfile=str(folder / f"{module}.pyc"),
            dfile=f"{RUNTIME_FOLDER}/{module}.py",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    home = "Lambda:/tmp:/sbin/nologin"
    (folder / "passwd").write_text(
        f"root:x:0:0:root:/root:/bin/sh\nsandbox:x:{USER}:{USER}:{home}\n"
    )
    (folder / "group").write_text(f"root:x:0:\nsandbox:x:{USER}:\n")
    (folder / "hosts").write_text(_HOSTS + _hosts_of_this_machine())
    (folder / FILTER).write_bytes(seccomp_filter())
    (folder / TEMPLATE_FILTER).write_bytes(seccomp_filter(namespaces=True))
    folder.chmod(0o755)
    prefix = Path(sys.base_prefix).resolve()
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    if not executable.is_relative_to(prefix):
        executable = prefix / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return Runtime(folder, prefix, str(executable.relative_to(prefix)))


def _hosts_of_this_machine() -> str:
    try:
        return Path("/etc/hosts").read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def others_can_enter(path: Path) -> bool:
    """Tells whether any user can reach what is below `path`."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))
