"""Runs the study's scenario 2: users step up from 3 to 18, and each step meets cold starts.

    locust -f locustfiles/ramp.py                 # web page on http://localhost:8089
    locust -f locustfiles/ramp.py --headless
    RAMP_SPEEDUP=5 locust -f locustfiles/ramp.py --headless      # one minute instead of five

"3, 6, 9 users over 3 minutes, hold 1, 18 users for 1 more" is read as five steps of a minute:

    minute   0-1  1-2  2-3  3-4  4-5
    users      3    6    9    9   18    then all stop

The users of a step begin at once, as those of the study's tool do within a step. How long a user
of the study paused between two requests is not known. RAMP_WAIT_S sets it, .1 s by default: 3
users then send up to 30 requests a second and 18 up to 180, which a small machine can both send
and serve, so that the cold starts stand out and not the queue for its cores. 0 keeps every user
asking without a pause: sandboxes then equal users. RAMP_USERS (3,6,9,9,18) sets the steps.

The other settings are told in common.py.
"""

from __future__ import annotations

import os

from common import BadSettingError, PredictUser, dilation, number, speedup
from locust import LoadTestShape, constant, task

MINUTE = 60.0
STEPS = (3, 6, 9, 9, 18)
"""Number of users, minute by minute."""


def steps(text: str) -> tuple[int, ...]:
    """Returns the steps of a text such as `3,6,9`; the study's own for an empty text."""
    try:
        found = tuple(int(part) for part in text.split(",")) if text.strip() else STEPS
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise BadSettingError(f"RAMP_USERS must be numbers of users, such as 3,6,9, not {text!r}.")
    return found


def users_at(seconds: float, speed: float = 1.0, users: tuple[int, ...] = STEPS) -> int | None:
    """Returns how many users run `seconds` after the start; None when the ramp is over."""
    step = int(seconds * speed / MINUTE)
    return users[step] if step < len(users) else None


class Ramp(LoadTestShape):
    """Starts the users of each step at once."""

    def __init__(self) -> None:
        super().__init__()
        self._speed = speedup("RAMP_SPEEDUP") / dilation()
        self._steps = steps(os.environ.get("RAMP_USERS", ""))

    def tick(self) -> tuple[int, float] | None:
        users = users_at(self.get_run_time(), self._speed, self._steps)
        # a rate of all users a second starts a whole step at once
        return None if users is None else (users, float(max(self._steps)))


class RampUser(PredictUser):
    """Asks, pauses, and asks again."""

    wait_time = constant(number("RAMP_WAIT_S", 0.1) * dilation())

    @task
    def ask(self) -> None:
        self.predict()
