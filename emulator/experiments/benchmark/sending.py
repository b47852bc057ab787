"""Sends a benchmark's load by the client, which is a process of its own (see client)."""

from __future__ import annotations

import json
import subprocess
import sys

from emulator.errors import TestbedError
from emulator.experiments.benchmark.client import Outcome

ECHO = "/2015-03-31/functions/echo/invocations"
_WITHIN = 180.0


def send_load(
    port: int, clients: int, requests: int, *, path: str = ECHO, python: str = sys.executable
) -> Outcome:
    """Sends requests from several clients at once, and returns what came of the requests.

    Raises:
        TestbedError: the client or one of its requests failed.
    """
    command = [python, "-m", "emulator.experiments.benchmark.client"]
    command += [str(port), path, str(clients), str(requests)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN, check=True)
    except subprocess.CalledProcessError as error:
        raise TestbedError(f"The client failed: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise TestbedError(f"The client was not done in {_WITHIN:.0f} s.") from error
    outcome = Outcome(**json.loads(done.stdout))
    if outcome.failed:
        raise TestbedError(
            f"{outcome.failed} of {requests} requests failed: {outcome.first_failure}"
        )
    return outcome
