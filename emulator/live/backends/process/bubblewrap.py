"""Shows a sandbox Lambda's own paths on a read-only file system, by bubblewrap.

Starts nothing, and knows nothing of limits.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from emulator.live.backends.process.runtime_folder import (
    FILTER,
    OPT,
    PYTHON_OPTIONS,
    RUNTIME_FOLDER,
    TASK,
    TEMPLATE_FILTER,
    USER,
    Runtime,
)
from emulator.live.backends.process.slot_script import check_environment, encoded, slot_script
from emulator.live.backends.supervisor import around_the_shell, supervised

if TYPE_CHECKING:
    from emulator.live.backends.process.packages import Package
    from emulator.live.backends.sandbox_spec import SandboxSpec


_OWN = {
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:"
    "/var/task:/var/task/lib:/opt/lib",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "PYTHONPATH": RUNTIME_FOLDER,
}
"""Variables of every sandbox, unless its function says otherwise."""
_UNCOVER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
for name in ("sys", "sysrq-trigger", "irq", "bus"):
    libc.umount2(b"/proc/" + name.encode(), 2)
libc.prctl(24, 21, 0, 0, 0)
end = sys.argv.index("--")
os.environ.update(word.split("=", 1) for word in sys.argv[1:end])
os.execv(sys.argv[end + 1], sys.argv[end + 1:])
"""
"""A program that takes away what bubblewrap as root puts over parts of /proc, and gives up the
right to do so (CAP_SYS_ADMIN, 21). They are root's to write in any case; but a user namespace may
mount a /proc of its own only where nothing of the outer one is covered (the kernel's
mount_too_revealing). No variable of the function's reaches this program, nor the linker."""
_FILTER_DESCRIPTOR = 5
"""Where bubblewrap reads the filter; 3 and 4 are the slot's."""


class Bubblewrap:
    """Shows a sandbox Lambda's file system, read-only, with its own /tmp, processes and users."""

    launchers = 2
    """bubblewrap stays outside of the sandbox's process namespace, and is the first one inside."""

    def __init__(self, program: str, runtime: Runtime, *, filtered: bool) -> None:
        """Takes whether user namespaces and keyrings of the kernel are refused: `filtered`."""
        self._python = f"/var/lang/{runtime.program}"
        self._command = [program, *_file_system(runtime), *_isolation()]
        self._redirection = ""
        if filtered:
            self._command += ["--seccomp", str(_FILTER_DESCRIPTOR)]
            self._redirection = f"{_FILTER_DESCRIPTOR}<{quote(str(runtime.folder / FILTER))}"

    def tmp(self, name: str) -> None:  # noqa: ARG002  # its /tmp is gone with it
        return None

    def script(self, spec: SandboxSpec, package: Package, name: str) -> bytes:
        environment = self.environment(spec, package)
        words = self._sandbox(spec, package)
        given = _given(words, environment)
        bootstrap = [*self._bootstrap(), f"name={name}"]
        words += supervised(
            [*given, *bootstrap],
            own_processes=True,
            extension=[*given, *bootstrap, "run="],
            name=f"name={name}",
        )
        return slot_script(environment, words, f"3<&- 4<&- {self._redirection}")

    def template_script(
        self, spec: SandboxSpec, package: Package, name: str, channel: int
    ) -> bytes:
        """Returns the script of a template: it may make namespaces, and heeds a channel.

        Raises:
            SandboxStartError: The environment cannot be handed to a process.
        """
        environment = self.environment(spec, package)
        check_environment(environment)
        given = around_the_shell(environment)
        linker = [f"{key}={environment.pop(key)}" for key in [*environment] if key[:3] == "LD_"]
        words = [*self._sandbox(spec, package), *self._uncovered(), *linker, "--", *given]
        words += [*self._bootstrap(), f"name={name}", f"snapshot={channel}"]
        redirection = self._redirection.replace(FILTER, TEMPLATE_FILTER)
        return slot_script(environment, words, f"3<&- 4<&- {redirection}")

    def _uncovered(self) -> list[str]:
        """Returns words that run a command where new instances of /proc may be mounted.

        Before its `--` the command's further variables may stand.
        """
        right = ["--cap-add", "CAP_SYS_ADMIN"] if os.geteuid() == 0 else []
        return [*right, self._python, "-I", "-S", "-c", _UNCOVER]

    def stem_script(self, spec: SandboxSpec, name: str, channel: int) -> bytes:
        """Returns the script of a stem cell: no function's yet, and its runtime heeds a channel."""
        environment = {**_OWN, "LANG": "en_US.UTF-8"}
        words = [*self._command, "--dir", TASK, "--dir", OPT]
        words += [*_small_folders(spec.tmp_mb), "--chdir", TASK]
        given = _given(words, environment)
        bootstrap = [*self._bootstrap(), f"name={name}", f"stem={channel}"]
        words += supervised([*given, *bootstrap], own_processes=True, name=f"name={name}")
        return slot_script(environment, words, f"3<&- 4<&- {self._redirection}")

    def stem_order(self, spec: SandboxSpec, package: Package) -> bytes:
        """Returns what the runtime of a stem cell is told when its function is there.

        Raises:
            SandboxStartError: The environment cannot be handed to a process.
        """
        environment = self.environment(spec, package)
        check_environment(environment)
        encoded("".join(environment.values()))
        return json.dumps({"environment": environment, "folder": package.workdir}).encode()

    def environment(self, spec: SandboxSpec, package: Package) -> dict[str, str]:
        """Returns all variables of a sandbox's runtime."""
        return {
            **_OWN,
            **package.environment,
            **spec.environment,
            "LAMBDA_TASK_ROOT": TASK,
            "LAMBDA_RUNTIME_DIR": RUNTIME_FOLDER,
            **({"_HANDLER": package.handler} if package.handler else {}),
        }

    def _sandbox(self, spec: SandboxSpec, package: Package) -> list[str]:
        """Returns the words that make a sandbox, before those of the command within."""
        folder = spec.package
        words = [*self._command, "--ro-bind", f"{folder}/task", TASK]
        words += ["--ro-bind", f"{folder}/opt", OPT, *_small_folders(spec.tmp_mb)]
        return [*words, "--chdir", package.workdir]

    def _bootstrap(self) -> list[str]:
        words = [self._python, *PYTHON_OPTIONS, f"{RUNTIME_FOLDER}/bootstrap.pyc", f"opt={OPT}"]
        return [*words, f"uid={USER}"] if os.geteuid() == 0 else words

    def probe(self) -> list[str]:
        """Returns a command that succeeds where sandboxes of this view can be started."""
        python = [self._python, *PYTHON_OPTIONS, "-c", "import json, _socket"]
        return ["/bin/sh", "-c", f'exec "$@" {self._redirection}', "sh", *self._command, *python]

    def fork_probe(self) -> list[str]:
        """Returns a command that succeeds where a template of this view can be forked."""
        program = "import sys; sys.path.insert(0, sys.argv[1]); import snapshot_runtime as made; "
        program += "made.try_out(int(sys.argv[2]))"
        user = USER if os.geteuid() == 0 else -1
        python = [self._python, *PYTHON_OPTIONS, "-c", program, RUNTIME_FOLDER, str(user)]
        redirection = self._redirection.replace(FILTER, TEMPLATE_FILTER)
        words = [*self._command, "--tmpfs", "/tmp"]  # noqa: S108  # its own
        words += [*self._uncovered(), "--", *python]
        return ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *words]


def _given(words: list[str], environment: dict[str, str]) -> list[str]:
    """Returns words before a command that give it what a shell keeps; moves what bubblewrap would.

    What the dynamic linker reads must not reach bubblewrap itself: that goes from the environment
    to bubblewrap's own `words`.

    Raises:
        SandboxStartError: a variable cannot be handed to a process.
    """
    check_environment(environment)
    given = around_the_shell(environment)
    for key in [key for key in environment if key.startswith("LD_")]:
        words += ["--setenv", key, environment.pop(key)]
    return given


def _file_system(runtime: Runtime) -> list[str]:
    """Returns options for Lambda's paths over those of this host's libraries that exist."""
    words = ["--ro-bind", "/usr", "/usr"]
    for path in map(Path, ("/bin", "/sbin", "/lib", "/lib32", "/lib64")):
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            words += ["--ro-bind", str(path), str(path)]
    words += ["--ro-bind", "/etc", "/etc"]
    for name in ("passwd", "group", "hosts"):
        words += ["--ro-bind", str(runtime.folder / name), f"/etc/{name}"]
    # the resolver's file is often a link to somewhere else
    resolver = Path("/etc/resolv.conf").resolve()
    for path in (*map(Path, ("/nix/store", "/gnu/store", "/sys/devices/system/cpu")), resolver):
        if path.exists() and not path.is_relative_to("/etc"):
            words += _folders(path.parent)
            words += ["--ro-bind", str(path), str(path)]
    words += _folders(Path("/var"))
    words += ["--ro-bind", str(runtime.prefix), "/var/lang"]
    words += ["--ro-bind", str(runtime.folder), RUNTIME_FOLDER]
    return [*words, "--proc", "/proc", "--dev", "/dev"]


def _small_folders(tmp_mb: int) -> list[str]:
    """Returns options for a sandbox's /tmp, after which nothing of bubblewrap's can be written."""
    words = ["--perms", "1777", "--size", str(tmp_mb << 20), "--tmpfs", "/tmp"]  # noqa: S108
    # what is left is bubblewrap's own, and would be its user's to write where that is not root
    return [*words, *(word for at in ("/dev/pts", "/dev", "/") for word in ("--remount-ro", at))]


def _folders(path: Path) -> list[str]:
    """Returns options that make a folder and its parents; others would be root's alone."""
    above = [folder for folder in reversed((path, *path.parents)) if folder != Path("/")]
    return [word for folder in above for word in ("--dir", str(folder))]


def _isolation() -> list[str]:
    """Returns options for namespaces and capabilities."""
    words = ["--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    words += ["--hostname", "sandbox", "--cap-drop", "ALL"]
    if os.geteuid() == 0:  # the bootstrap becomes another user before it loads the function
        kept = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL")  # the last is for the supervisor
        return [*words, *(word for name in kept for word in ("--cap-add", name))]
    return [*words, "--unshare-user", "--uid", str(USER), "--gid", str(USER)]
