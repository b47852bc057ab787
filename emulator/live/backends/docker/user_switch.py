"""Lets a supervisor that is root, with hardly a capability, start the function as Lambda's user.

A supervisor of another user is out of the function's reach: the function can neither signal it
nor read its memory. Which program switches users depends on the image, so it is tried when the
image is deployed (`user_switch.sh`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.live.backends.supervisor import UserSwitch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USER, GROUP = 993, 990
"""The ids of AWS's sbx_user1051, under which every function runs."""
OWNER = f"{USER}:{GROUP}"
CAPABILITIES = ("CHOWN", "KILL", "SETGID", "SETUID", "SYS_CHROOT")
"""What the supervisor must be able to do; a function has none of them."""
PREFIXES = (
    *(
        (program, f"--reuid={USER}", f"--regid={GROUP}", "--clear-groups")
        for program in ("/usr/bin/setpriv", "/bin/setpriv")
    ),
    *(
        # + spares a search of the image's users; GNU's alone takes these options, not busybox's
        (program, f"--userspec=+{USER}:+{GROUP}", "--groups=", "--skip-chdir", "/")
        for program in ("/usr/sbin/chroot", "/usr/bin/chroot", "/sbin/chroot")
    ),
)
"""Words before a command that run it as the function's user."""
_LOADERS_OWN = re.compile(r"LD_[A-Z_]+|GLIBC_TUNABLES")
# so that a function can open /dev/stdout: the engine gave the streams to the first process's user
_HAND_OVER = f"/bin/chown {OWNER} /proc/self/fd/1 /proc/self/fd/3"


def user_switch(words: Sequence[str], hidden: Sequence[str]) -> UserSwitch | None:
    """Returns the switch by these words of `ImageFacts.switch`, or None where there are none.

    `hidden` names variables that the programs which switch must not see.
    """
    if not words:
        return None
    before = f"{_HAND_OVER}; unset {' '.join(hidden)}" if hidden else _HAND_OVER
    return UserSwitch(tuple(words), before)


def loaders_own(environment: Mapping[str, str]) -> list[str]:
    """Returns the variables by which a program of root could load what a function wrote.

    A library path is harmless while all of its folders are of the image, which nobody can write.
    """
    return [
        name
        for name, value in environment.items()
        if _LOADERS_OWN.fullmatch(name)
        and not (name == "LD_LIBRARY_PATH" and all(map(_of_the_image, value.split(":"))))
    ]


def _of_the_image(folder: str) -> bool:
    return folder.startswith("/") and not re.match(r"/+(tmp|proc|dev)(/|$)|.*/\.\.(/|$)", folder)
