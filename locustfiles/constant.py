"""Keeps as many users as CONSTANT_USERS (1), for CONSTANT_SECONDS (120).

    CONSTANT_USERS=4 CONSTANT_SECONDS=60 locust -f locustfiles/constant.py --headless

A user pauses CONSTANT_WAIT_S (.1) from an answer to its next request. The other settings are told
in common.py.
"""

from __future__ import annotations

from common import PredictUser, dilation, number
from locust import LoadTestShape, constant, task


class Constant(LoadTestShape):
    """Keeps the number of users until the time is over."""

    def __init__(self) -> None:
        super().__init__()
        self._users = int(number("CONSTANT_USERS", 1, least=1))
        self._seconds = number("CONSTANT_SECONDS", 120.0) * dilation()

    def tick(self) -> tuple[int, float] | None:
        over = self.get_run_time() >= self._seconds
        return None if over else (self._users, float(self._users))


class ConstantUser(PredictUser):
    """Asks, pauses, and asks again."""

    wait_time = constant(number("CONSTANT_WAIT_S", 0.1) * dilation())

    @task
    def ask(self) -> None:
        self.forget_files()
        self.predict()
