"""Runs a Docker engine of its own for faults of the engine, beside the machine's, which is spared.

It has a data root, a socket, a containerd and a bridge of its own, and makes no rule of the packet
filter: a second engine that makes rules takes those of the first away.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SERVES_WITHIN = 60.0
_ENDS_WITHIN = 15.0
_LOADED_WITHIN = 180.0
_LOOK_EVERY = 0.05
_NETWORK = "10.{}.{}.1/24"


class PrivateEngine:
    """Serves from `__enter__` to `__exit__`, and may be stopped and started in between.

    `images` are copied from the machine's engine. Use from one thread at a time.
    """

    def __init__(self, folder: Path, images: Sequence[str]) -> None:
        """Takes a `folder` of a short name: the path of a socket has 107 bytes at most."""
        self._folder = folder
        self._images = images
        self._bridge = f"tb{secrets.token_hex(4)}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The engine's address in the form of DOCKER_HOST."""
        return f"unix://{self._folder / 'docker.sock'}"

    @property
    def pid(self) -> int:
        """The process id of dockerd; 0 while none was started."""
        return 0 if self._process is None else self._process.pid

    def __enter__(self) -> Self:
        """Starts an engine of its own, in a folder of its own.

        Raises:
            OSError: The machine has no dockerd, or refuses.
        """
        if os.geteuid() != 0:
            raise PermissionError("an engine of its own needs root")
        for program in ("dockerd", "docker", "ip"):
            if shutil.which(program) is None:
                raise FileNotFoundError(f"an engine of its own needs {program}")
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._make_bridge()
            self.start()
            self._load_images()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self.stop()
        for process in self._own("containerd"):  # shims outlive a containerd that was killed
            with suppress(psutil.Error):
                for each in (*process.children(recursive=True), process):
                    each.kill()
        subprocess.run(["ip", "link", "delete", self._bridge], capture_output=True, check=False)
        for mount in _mounts_below(self._folder):
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make_bridge(self) -> None:
        one, other = secrets.randbelow(50) + 200, secrets.randbelow(250)
        for words in (
            ("link", "add", "name", self._bridge, "type", "bridge"),
            ("address", "add", _NETWORK.format(one, other), "dev", self._bridge),
            ("link", "set", self._bridge, "up"),
        ):
            _run(["ip", *words])

    def _load_images(self) -> None:
        elsewhere = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
        for image in self._images:
            with subprocess.Popen(
                ["docker", "save", image], stdout=subprocess.PIPE, env=elsewhere
            ) as saving:
                _run(["docker", "--host", self.address, "load"], stdin=saving.stdout)

    # what happens to it

    def start(self) -> None:
        """Starts dockerd, and waits until it serves.

        Raises:
            OSError: dockerd ended, or did not serve in time.
        """
        folder, settings = self._folder, self._folder / "dockerd.json"
        settings.write_text("{}", encoding="utf-8")  # or those of the machine's engine count
        with (folder / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "dockerd",
                    *("--host", self.address, "--bridge", self._bridge),
                    *("--data-root", str(folder / "data"), "--exec-root", str(folder / "run")),
                    *("--pidfile", str(folder / "dockerd.pid"), "--config-file", str(settings)),
                    *("--iptables=false", "--ip-masq=false", "--ip-forward=false"),
                    *("--shutdown-timeout", "5"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until_it_serves()

    def wait_until_it_serves(self) -> None:
        """Waits until the engine answers.

        Raises:
            OSError: dockerd ended, or did not serve in time.
        """
        assert self._process is not None, "start first"
        end = time.monotonic() + _SERVES_WITHIN
        while time.monotonic() < end:
            if self._process.poll() is not None:
                last = (self._folder / "dockerd.log").read_text(errors="replace").splitlines()[-1:]
                raise OSError(f"dockerd ended: {' '.join(last)[-300:]}")
            if self._serves():
                return
            time.sleep(_LOOK_EVERY)
        raise OSError(f"dockerd did not serve within {_SERVES_WITHIN:g} s")

    def ensure(self) -> None:
        """Starts dockerd where it has ended."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        else:
            self.wait_until_it_serves()

    def stop(self) -> None:
        """Stops dockerd as a service manager does; its containers end before."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kills dockerd, and with it its containerd; its containers go on."""
        self._end(signal.SIGKILL)
        psutil.wait_procs(self._own("containerd", whole=True), timeout=_ENDS_WITHIN)
        # one that ended and that no init has taken leave of is waited for in vain
        (self._folder / "run" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill_containerd(self) -> None:
        """Kills containerd, which dockerd starts anew."""
        for process in self._own("containerd", whole=True):
            with suppress(psutil.Error):
                process.kill()

    def _own(self, name: str, *, whole: bool = False) -> list[psutil.Process]:
        """Returns the engine's own processes whose name begins so, told by where they listen."""
        mark = str(self._folder / "run")
        return [
            process
            for process in psutil.process_iter(["name", "cmdline"])
            if (process.info["name"] == name if whole else process.info["name"].startswith(name))
            and any(mark in word for word in process.info["cmdline"] or ())
        ]

    def _serves(self) -> bool:
        """Returns whether dockerd answers, and containerd listens, without which no start works."""
        asked = ["docker", "--host", self.address, "ps", "--quiet"]
        done = subprocess.run(asked, capture_output=True, check=False, timeout=_SERVES_WITHIN)
        if done.returncode != 0:
            return False
        with socket.socket(socket.AF_UNIX) as client:
            path = self._folder / "run" / "containerd" / "containerd.sock"
            return client.connect_ex(str(path)) == 0


def _run(words: list[str], stdin: object = None) -> None:
    done = subprocess.run(
        words,
        stdin=stdin,  # type: ignore[call-overload]  # a file, or nothing
        capture_output=True,
        check=False,
        timeout=_LOADED_WITHIN,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise OSError(f"{' '.join(words[:4])}: {said}")


def _mounts_below(folder: Path) -> list[str]:
    with open("/proc/self/mounts", encoding="utf-8") as mounts:  # noqa: PTH123
        points = [line.split()[1] for line in mounts]
    return sorted((point for point in points if point.startswith(f"{folder}/")), reverse=True)
