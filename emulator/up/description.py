"""Describes a run in its folder: settings, machine, versions and functions."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

from emulator.core.scheduling import scheduling_facts
from emulator.host.machine import machine
from emulator.live.store.state_directory import describe_run
from emulator.up.capacity import scheduling_of

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.config import Settings
    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile
    from emulator.live.backends.interface import SandboxBackend
    from emulator.live.engine import Engine

_VERSIONED = ("awslambdaric", "docker", "fastapi", "locust", "moto", "numpy", "uvicorn")


def facts_of(
    settings: Settings,
    profile: Profile,
    backend: SandboxBackend,
    functions: tuple[FunctionConfiguration, ...],
    origin: float,
) -> dict[str, Any]:
    """Returns what `run.json` says of a run that began at `origin`, in seconds since the epoch."""
    return {
        "name": f"{backend.name} {profile.name}",
        "started_at": origin,
        "profile": profile.name,
        "backend": backend.name,
        "oci_runtime": backend.oci_runtime,
        "unenforced": list(backend.unenforced.values()),
        "settings": asdict(settings),
        "scheduling": scheduling_facts(scheduling_of(settings, profile)),
        "seed": settings.seed,
        "versions": _versions(),
        "machine": machine(settings.cgroup_root, backend.storage),
        "functions": {f.name: _described(f) for f in functions},
    }


def _described(function: FunctionConfiguration) -> dict[str, Any]:
    return asdict(function) | {"environment": dict(function.environment)}


def describe_functions(run: Path, facts: dict[str, Any], engine: Engine) -> None:
    """Adds the functions that were made by API to what a run tells of itself, for its bill."""
    made = {function.scheduled_name: _described(function) for function in engine.ever_deployed}
    if not made.keys() <= facts["functions"].keys():
        describe_run(run, facts | {"functions": made | facts["functions"]})


def _versions() -> dict[str, str]:
    found = {}
    for name in ("serverless-testbed", *_VERSIONED):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
