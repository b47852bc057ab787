"""Makes templates of images: an image's command on its files, as a process of this machine.

A container could not be the template of other sandboxes: its forks would need rights in it that no
container has, to make namespaces and to mount, and the engine would know nothing of them. So an
image's layers, which the engine keeps as folders, are shown to a process as they are to a
container, read-only and in namespaces of its own.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from emulator.errors import SnapshotError
from emulator.live.backends import forks as forks_room
from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.user_switch import GROUP, USER
from emulator.live.backends.local.seccomp import seccomp_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.image_facts import ImageFacts
    from emulator.live.backends.sandbox_spec import SandboxSpec

_FOLDER = "var/snapshot"
"""Where a template finds what it runs beside its image, in the root."""
_FILTER, _TEMPLATE_FILTER = "seccomp.bpf", "template.bpf"
_MOUNTED = ("proc", "dev", "tmp", "sys", "etc")
_HOST_NAME = "sandbox"
_HOSTS = "127.0.0.1 localhost sandbox.localdomain sandbox\n::1 localhost\n"
"""Names in a template; each fork has its own address under that of the sandbox."""
_ENDS = "TESTBED_PLAN_ENDS_HERE"


@dataclass(frozen=True, slots=True)
class Layers:
    """Holds what the engine has of an image."""

    folders: tuple[str, ...]
    """The uppermost first."""
    working_folder: str
    environment: Mapping[str, str]


class ImageTemplates:
    """Implements `Templates` with images, in a folder of the emulator's state; root only."""

    def __init__(
        self, engine: DockerEngine, facts: Callable[[str], ImageFacts], folder: Path
    ) -> None:
        self._engine = engine
        self._facts = facts
        self.folder = folder
        self._layers: dict[str, Layers] = {}
        self._networks: dict[str, str] = {}
        """The path of the network of each snapshot's next template."""

    def open(self) -> None:
        """Writes the layer that lies over every image.

        Raises:
            OSError: the folder cannot be written.
        """
        (self.folder / "root").mkdir(parents=True, exist_ok=True)
        layer = self.folder / "layer"
        for name in (*_MOUNTED, _FOLDER):
            (layer / name).mkdir(parents=True, exist_ok=True)
        own, forks = Path(__file__), Path(forks_room.__file__)
        for name, source in (
            ("sitecustomize.py", own.with_name("image_runtime.py")),
            ("snapshot_runtime.py", forks.with_name("snapshot_runtime.py")),
            ("template_root.py", own.with_name("template_root.py")),
        ):
            (layer / _FOLDER / name).write_bytes(source.read_bytes())
        (layer / _FOLDER / _FILTER).write_bytes(seccomp_filter())
        (layer / _FOLDER / _TEMPLATE_FILTER).write_bytes(seccomp_filter(namespaces=True))
        (layer / "etc/hosts").write_text(_HOSTS)
        (layer / "etc/hostname").write_text(f"{_HOST_NAME}\n")
        (layer / "etc/resolv.conf").write_bytes(Path("/etc/resolv.conf").read_bytes())
        for path in (layer, *layer.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)

    async def look_at(self, image: str) -> None:
        """Finds an image's layers.

        Raises:
            SnapshotError: the engine does not keep them as folders of this machine.
        """
        if image in self._layers:
            return
        try:
            found = await self._engine.call(f"GET /images/{image}/json")
        except EngineError as error:
            raise SnapshotError(f"The image cannot be looked at: {error}", code="") from error
        driver = found.get("GraphDriver") or {}
        data: Mapping[str, str] = driver.get("Data") or {}
        folders = [data.get("UpperDir", ""), *data.get("LowerDir", "").split(":")]
        there = tuple(folder for folder in folders if folder)
        if driver.get("Name") != "overlay2" or not there or not all(map(os.path.isdir, there)):
            fault = f"the engine's storage driver is {driver.get('Name') or 'not told'}"
            raise SnapshotError(f"The image's layers cannot be shown: {fault}", code="")
        config = found["Config"] or {}
        pairs = (pair.partition("=") for pair in config.get("Env") or ())
        self._layers[image] = Layers(
            there,
            config.get("WorkingDir") or "/",
            {name: value for name, _, value in pairs},
        )

    def use_network(self, snapshot: str, path: str) -> None:
        """Says in which network the templates of a snapshot are."""
        self._networks[snapshot] = path

    def script(self, spec: SandboxSpec, name: str, channel: int) -> bytes:
        """Returns the shell script that becomes a template; see `Templates`."""
        layers, configuration = self._layers[spec.package], spec.configuration
        environment = self.environment(spec)
        before = environment.get("PYTHONPATH", "")
        plan: dict[str, Any] = {
            "root": str(self.folder / "root"),
            "layers": [str(self.folder / "layer"), *layers.folders],
            "tmp": f"mode=1777,size={spec.tmp_mb << 20}",
            "host_name": _HOST_NAME,
            "network": self._networks[spec.snapshot],
            "channel": channel,
            "filter": f"{_FOLDER}/{_TEMPLATE_FILTER}",
            "folder": configuration.image_working_directory or layers.working_folder,
            "user": USER,
            "group": GROUP,
            "words": self._facts(spec.package).words(configuration),
            "environment": {
                **environment,
                "_TESTBED_SNAPSHOT": f"{channel}:{before}",
                "PYTHONPATH": f"/{_FOLDER}" + (f":{before}" if before else ""),
            },
        }
        program = self.folder / "layer" / _FOLDER / "template_root.py"
        words = [sys.executable, "-S", "-E", "-B", str(program), f"name={name}"]
        command = f"exec {' '.join(map(quote, words))} 3<&- 4<&- <<'{_ENDS}'"
        return f"{command}\n{json.dumps(plan)}\n{_ENDS}\n".encode()

    def environment(self, spec: SandboxSpec) -> dict[str, str]:
        """Returns all variables of a restored sandbox's runtime; see `Templates`."""
        return {**self._layers[spec.package].environment, **spec.environment}
