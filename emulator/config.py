"""Settings: defaults, then a TOML file, then TESTBED_* variables, then the command line."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints
from urllib.parse import urlsplit

from emulator.core.policy import Binding, PickOrder
from emulator.core.profile import PROFILES
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


class BackendChoice(StrEnum):
    AUTO = "auto"
    DOCKER = "docker"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Settings:
    """How one emulator behaves. Times are in seconds, memory in MB."""

    host: str = "127.0.0.1"
    port: int = 8000
    template: Path = Path("functions/template.yaml")
    backend: BackendChoice = BackendChoice.AUTO
    profile: str = "aws-2025"
    keep_alive: float | None = None
    """None: the profile's survival curve; 0: every request is a cold start."""
    idle_speedup: float = 1.0
    pick_order: PickOrder = PickOrder.MOST_RECENTLY_USED
    binding: Binding = Binding.EARLY
    host_memory: int | None = None
    """Memory that all sandboxes together may have; None: three quarters of this machine's."""
    start_width: int = 4
    """How many sandboxes may be in creation or init at once."""
    init_timeout: float | None = None
    """None: the profile's."""
    seed: int = 0
    state_dir: Path = Path(".testbed")
    run_dir: Path | None = None
    """Where the journal goes; None: a new folder in the state directory."""
    cgroup_root: Path = Path("/sys/fs/cgroup")
    dilation: float = 1.0
    """How many times slower everything runs, where CPUs are few; see MonotonicClock."""
    companion: bool = True
    """Whether a moto server stands in for AWS services that have no endpoint of their own."""
    aws_endpoint: dict[str, str] = field(default_factory=dict)
    """`http://host:port` by service, as signatures name it (`s3`, `sqs`); to be read only."""


_LEAST: Mapping[str, float] = {
    "port": 0,
    "keep_alive": 0,
    "host_memory": 128,
    "start_width": 1,
    "seed": 0,
    "dilation": 1,
}
_ABOVE_ZERO = frozenset({"idle_speedup", "init_timeout"})
_MOST: Mapping[str, float] = {"dilation": 50}
"""The kernel takes no CPU period above a second."""
_OURS = frozenset({"lambda", "logs"})
_SERVICE = re.compile(r"[a-z][a-z0-9.-]*")
_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def load(
    environ: Mapping[str, str], toml: Mapping[str, Any], options: Mapping[str, Any]
) -> Settings:
    """Merges the three sources; `options` that are None were not given.

    Raises:
        SettingsError: with all faults at once.
    """
    names = {field.name for field in fields(Settings)}
    hints = get_type_hints(Settings)
    faults = [
        f"unknown setting {name!r} in the settings file" for name in toml if name not in names
    ]
    values: dict[str, Any] = {}
    for name in names:
        variable = f"TESTBED_{name.upper()}"
        for source, raw in (
            (f"--{name.replace('_', '-')}", options.get(name)),
            (variable, environ.get(variable)),
            (f"{name} in the settings file", toml.get(name)),
        ):
            if raw is None or raw == "":
                continue
            try:
                values[name] = _parsed(name, hints[name], raw)
            except ValueError as error:
                faults.append(f"{source}: {error}")
            break
    if faults:
        raise SettingsError("; ".join(faults))
    return Settings(**values)


def _parsed(name: str, hint: Any, raw: Any) -> Any:
    if name == "profile":
        return _one_of(sorted(PROFILES), raw)
    if name == "aws_endpoint":
        return _endpoints(raw)
    kind = next(t for t in getattr(hint, "__args__", (hint,)) if t is not type(None))
    if issubclass(kind, StrEnum):
        return kind(_one_of([str(member) for member in kind], raw))
    if kind is bool:
        return _truth(raw)
    if kind in (int, float):
        return _number(name, kind, raw)
    if not isinstance(raw, str | Path):
        raise ValueError(f"{raw!r} is no text")  # noqa: TRY004  # one kind of fault for load
    return kind(raw)


def _one_of(choices: list[str], raw: Any) -> str:
    if raw not in choices:
        raise ValueError(f"{raw!r} is none of {', '.join(choices)}")
    return str(raw)


def _number(name: str, kind: type, raw: Any) -> Any:
    try:
        value = kind(raw) if not isinstance(raw, bool) else math.nan
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{raw!r} is not {'a whole number' if kind is int else 'a number'}")
    if name in _ABOVE_ZERO and value <= 0:
        raise ValueError(f"{raw!r} is not above 0")
    if value < _LEAST.get(name, -math.inf):
        raise ValueError(f"{raw!r} is below {_LEAST[name]:g}")
    if value > _MOST.get(name, math.inf):
        raise ValueError(f"{raw!r} is above {_MOST[name]:g}")
    return value


def _truth(raw: Any) -> bool:
    found = _TRUTH.get(str(raw).lower())
    if found is None:
        raise ValueError(f"{raw!r} is neither true nor false")
    return found


def _endpoints(raw: Any) -> dict[str, str]:
    """A TOML table, `SERVICE=URL` several times (the option), or with spaces between."""
    if isinstance(raw, dict):
        pairs = [(str(service), str(url)) for service, url in raw.items()]
    else:
        words = raw.split() if isinstance(raw, str) else raw
        if not isinstance(words, list):
            raise ValueError(f"{raw!r} is no table of services")  # noqa: TRY004  # as in _parsed
        pairs = [(service, url) for service, _, url in (str(word).partition("=") for word in words)]
    found: dict[str, str] = {}
    for service, url in pairs:
        if not _SERVICE.fullmatch(service):
            raise ValueError(f"{service!r} is no service (s3=http://localhost:9000)")
        if service in _OURS:
            raise ValueError(f"{service} is what the emulator itself serves")
        if service in found:
            raise ValueError(f"{service} has two endpoints")
        found[service] = _endpoint(url)
    return found


def _endpoint(url: str) -> str:
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # no port, no IPv6 address
        right = False
    if not right:
        raise ValueError(f"{url!r} is no http://host:port")
    if "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is more than http://host:port")
    return f"{parts.scheme}://{parts.netloc}"
