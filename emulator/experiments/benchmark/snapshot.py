"""Publishes a version of a benchmarked function that starts from a snapshot."""

from __future__ import annotations

import time

import httpx

from emulator.errors import TestbedError

_FUNCTIONS = "/2015-03-31/functions"
_READY_WITHIN = 300.0
_LOOK_EVERY = 0.02


def published(url: str, name: str = "echo") -> str:
    """Publishes a version of a function with SnapStart; returns it when its snapshot is taken.

    Raises:
        TestbedError: the version did not become active.
    """
    function = f"{url}{_FUNCTIONS}/{name}"
    chosen = {"SnapStart": {"ApplyOn": "PublishedVersions"}}
    httpx.put(f"{function}/configuration", json=chosen, timeout=5).raise_for_status()
    deadline = time.monotonic() + _READY_WITHIN
    version = ""
    while time.monotonic() < deadline:
        if not version:
            answer = httpx.post(f"{function}/versions", json={}, timeout=5)
            version = answer.json()["Version"] if answer.is_success else ""
        else:
            found = httpx.get(f"{function}/configuration?Qualifier={version}", timeout=5).json()
            if found["State"] == "Active":
                return version
        time.sleep(_LOOK_EVERY)
    raise TestbedError("The version with SnapStart did not become active.")
