"""Outlives a killed emulator as a program of its own, and removes the containers it left.

It waits until its standard input ends. If a line came before, the emulator has cleared up itself;
if not, the emulator was killed, and the containers with its label and name prefix are removed
through the engine's API. It imports the standard library alone, so that `python -I -S` starts it
in little time and memory, and it always ends, soon after `_PATIENCE` at the latest.

Arguments: the engine's socket path or HOST:PORT, the label, the name prefix of this run, and a
file to write THAWED into, with {} for a container's id (empty: none), since on cgroup v1 a
frozen container cannot be killed.
"""

import json
import signal
import socket
import sys
import time
import urllib.parse
from contextlib import suppress

_PATIENCE = 60.0
_CALL_TIMEOUT = 15.0
_ROUNDS = 3
"""How often the containers are listed: one that was being made may appear late."""


def main(address: str, label: str, prefix: str, freezer: str) -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.readline():
        return
    until = time.monotonic() + _PATIENCE
    filters = urllib.parse.quote(json.dumps({"label": [label]}))
    for again in range(_ROUNDS):
        if again:
            time.sleep(1)
        try:
            found = json.loads(_call(address, "GET", f"/containers/json?all=1&filters={filters}"))
        except (OSError, ValueError):  # the engine restarts, perhaps
            continue
        for container in found:
            ours = any(name.lstrip("/").startswith(prefix) for name in container["Names"])
            if ours and time.monotonic() < until:
                _remove(address, container["Id"], freezer)


def _remove(address: str, container: str, freezer: str) -> None:
    if freezer:
        with suppress(OSError), open(freezer.format(container), "w") as file:  # noqa: PTH123
            file.write("THAWED")
    with suppress(OSError):
        _call(address, "DELETE", f"/containers/{container}?force=1&v=1")


def _call(address: str, method: str, path: str) -> bytes:
    """Returns the body of an answer; HTTP/1.0, so that it ends with the connection."""
    host, _, port = address.rpartition(":")
    if address.startswith("/"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_CALL_TIMEOUT)
        connection.connect(address)
    else:
        connection = socket.create_connection((host, int(port)), _CALL_TIMEOUT)
    with connection:
        connection.sendall(f"{method} {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    return answer.partition(b"\r\n\r\n")[2]


if __name__ == "__main__":
    main(*sys.argv[1:])
