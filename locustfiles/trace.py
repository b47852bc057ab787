"""Sends requests at the times of a trace: TRACE_FILE, a CSV file with a column `at`.

    TRACE_FILE=morning.csv locust -f locustfiles/trace.py --headless

`at` is in seconds from the beginning, rising. The load ends with the last answer. The other
settings are told in common.py.
"""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path

from common import BadSettingError
from locust import task
from open_loop import OpenLoopUser, UntilAnswered


def read_times(path: Path) -> list[float]:
    """Reads the column `at`; ends Locust where the times do not rise from 0 on."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            times = [float(row["at"]) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSettingError(f"No times can be read from {path}: {error!r}") from error
    if times != sorted(times) or any(at < 0 or not math.isfinite(at) for at in times):
        raise BadSettingError(f"The times of {path} must rise from 0 on.")
    return times


class Trace(UntilAnswered):
    """Ends with the last answer."""


class TraceUser(OpenLoopUser):
    """Sends all requests of the trace."""

    @task
    def ask(self) -> None:
        self.send_at(read_times(Path(os.environ.get("TRACE_FILE") or "trace.csv")))
