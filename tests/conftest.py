"""What all tests have in common."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 60.0
"""Seconds that a client of a test waits: httpx gives up after five, which a busy machine takes."""


def pytest_configure() -> None:
    """Has random examples judged by what they show, not by how long a busy machine takes."""
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")


@pytest.fixture(scope="session", autouse=True)
def _patient_clients() -> Iterator[None]:
    """Gives requests of httpx that name no time-out a longer one."""
    default = inspect.signature(httpx.get).parameters["timeout"].default
    with pytest.MonkeyPatch.context() as patch:
        for phase in ("connect", "read", "write", "pool"):
            patch.setattr(default, phase, PATIENCE)
        yield
