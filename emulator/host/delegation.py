"""Moves this program into a cgroup that systemd delegates to its user, where limits need that.

A login over ssh puts a user's processes into a cgroup that belongs to root, where nothing can be
limited. A scope of the user's own systemd with Delegate=yes belongs to the user, without root.
Source: "Control Group APIs and Delegation", systemd.io.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.host.cgroup import DEFAULT_ROOT
from emulator.host.cgroup_membership import membership_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SCOPE = ("systemd-run", "--user", "--scope", "--quiet", "-p", "Delegate=yes")
"""The beginning of a command that runs another command in a delegated scope."""
FORBIDDEN = "TESTBED_SCOPE"
"""The environment variable that forbids the move where its value is 0."""
_STAYS: ContextVar[bool] = ContextVar("_STAYS", default=False)
"""Whether the running command line is not that which this process was started with."""
_NEEDED = {"cpu", "memory"}
_TRIAL = 'cat "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/cgroup.controllers"'
_PATIENCE = 5.0
"""Seconds that the trial may take; .1 are usual."""


def enter_delegated_scope(say: Callable[[str], None], root: Path = DEFAULT_ROOT) -> None:
    """Starts this program anew in a delegated scope, under the same process id, where that helps.

    Does not return in that case. Open files that are not inherited are closed, so locks and ports
    are free again.
    """
    if _STAYS.get() or not _helps(os.environ, root):
        return
    say(
        "Starting again in a systemd scope, where sandboxes can be limited. It ends with your last "
        f"session unless `loginctl enable-linger` was called; {FORBIDDEN}=0 forbids it."
    )
    sys.stdout.flush()
    command = [*SCOPE, "--", sys.executable, *sys.orig_argv[1:]]
    os.execvpe(command[0], command, {**os.environ, FORBIDDEN: "0"})  # noqa: S606  # no shell


@contextlib.contextmanager
def staying() -> Iterator[None]:
    """Forbids the move while the context lasts: another program than ours would be started anew."""
    before = _STAYS.set(True)
    try:
        yield
    finally:
        _STAYS.reset(before)


def delegation_advice(root: Path = DEFAULT_ROOT) -> str:
    """Returns a sentence that says how to get limits by hand; empty where that would not help."""
    if not _is_undelegated(root) or shutil.which(SCOPE[0]) is None:
        return ""
    return f"`{' '.join(word for word in SCOPE if word != '--quiet')} testbed up` would limit it."


def is_delegated(cgroup: Path) -> bool:
    """Tells whether systemd gave a cgroup away and leaves alone what is below."""
    for name in ("user.delegate", "trusted.delegate"):
        try:
            if os.getxattr(cgroup, name) == b"1":
                return True
        except (AttributeError, OSError):  # not Linux; no such attribute
            continue
    return False


def _helps(environ: Mapping[str, str], root: Path) -> bool:
    return (
        environ.get(FORBIDDEN) != "0"
        and _is_undelegated(root)
        and shutil.which(SCOPE[0]) is not None
        and set(_tried([*SCOPE, "--", "/bin/sh", "-c", _TRIAL]).split()) >= _NEEDED
    )


def _is_undelegated(root: Path) -> bool:
    """Tells whether this process's cgroup and all above belong to another user, on cgroup v2."""
    if os.geteuid() == 0 or not (root / "cgroup.controllers").exists():
        return False
    try:
        below = membership_paths(Path("/proc/self/cgroup").read_text()).get("", "/")
    except OSError:
        return False
    own = root / below.strip("/")
    mine = (path for path in (own, *own.parents) if path.is_relative_to(root))
    return not any(os.access(path, os.W_OK) for path in mine)


def _tried(command: Sequence[str]) -> str:
    """Returns what a command writes; nothing where it fails, as without a user's bus."""
    try:
        tried = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return tried.stdout if tried.returncode == 0 else ""
