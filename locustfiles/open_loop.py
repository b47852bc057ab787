"""Sends requests at times that were set before: none waits for the answer to another.

Shared by poisson.py and trace.py. One Locust user sends all requests, each from a greenlet of its
own; the `users` of a row are the requests under way when that request was sent, itself included.
Where the client cannot keep up, rows tell the time at which a request was really sent.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from common import PredictUser, dilation
from gevent import sleep
from gevent.pool import Group
from locust import LoadTestShape
from locust.exception import StopUser

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_AT_ONCE = 1000
"""Requests under way at once: Lambda's own limit of an account."""


class UntilAnswered(LoadTestShape):
    """Keeps one user until the last request has been answered."""

    abstract = True
    over = False

    def reset_time(self) -> None:
        super().reset_time()
        UntilAnswered.over = False

    def tick(self) -> tuple[int, float] | None:
        return None if UntilAnswered.over else (1, 1.0)


class OpenLoopUser(PredictUser):
    """Sends every request on time, whatever has become of those before."""

    abstract = True
    concurrency = MOST_AT_ONCE

    def send_at(self, times: Iterable[float]) -> None:
        """Sends a request at each time, in seconds from now, then waits for all answers.

        Raises:
            StopUser: always, when all is done.
        """
        begun, slower = time.monotonic(), dilation()
        under_way = Group()
        for at in times:
            sleep(max(0.0, begun + at * slower - time.monotonic()))
            under_way.spawn(self.predict, len(under_way) + 1)
        under_way.join()
        UntilAnswered.over = True
        raise StopUser
