"""Knows which OCI runtime of the engine runs containers: the engine's default, or a named one.

Network slots have the same as sandboxes, whose network they hold. Containers that build or are
looked into have the engine's default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


def checked_runtime(wanted: str, info: Mapping[str, Any]) -> str:
    """Returns the name of the runtime that sandboxes have on the engine of this description.

    Raises:
        SettingsError: the engine has no runtime of the wanted name; says which there are.
    """
    if not wanted:
        return str(info.get("DefaultRuntime") or "")
    known = sorted(info.get("Runtimes") or {})
    if wanted not in known:
        raise SettingsError(
            f"--oci-runtime {wanted}: the Docker engine has no runtime of this name; it has "
            f"{', '.join(known) or 'told of none'}. Install the program, name it under `runtimes` "
            "in the engine's daemon.json, and let the engine read that again (SIGHUP)."
        )
    return wanted


def runtime_member(wanted: str) -> dict[str, str]:
    """Returns the member of the Engine API's HostConfig; none where no runtime was named."""
    return {"Runtime": wanted} if wanted else {}
