"""The study's scenario 1: single requests ever further apart, to see how long a sandbox lives.

    locust -f locustfiles/idle.py --headless                     # an hour
    IDLE_SPEEDUP=60 locust -f locustfiles/idle.py --headless     # a minute, against an emulator
                                                                 # started with --idle-speedup 60

Requests come at minutes 0, 6, 16, 31 and 61, and at the end the starts are printed as a word:
CWWCC is a cold start, two warm ones and two cold ones.

An idle sandbox's lifetime counts from the end of its last answer, and answers always take real
time. So the gaps of 6, 10, 15 and 30 minutes are kept from the end of one answer to the start of
the next request: a cold start of some seconds would else eat minutes of a gap that is speeded up.
"""

from __future__ import annotations

import gevent
from common import PredictUser, speedup
from locust import LoadTestShape, events, task
from locust.exception import StopUser

MINUTE = 60.0
REQUESTS_AT = (0.0, 6 * MINUTE, 16 * MINUTE, 31 * MINUTE, 61 * MINUTE)
LETTERS = {"cold": "C", "warm": "W"}


def gaps(speed: float = 1.0) -> list[float]:
    """Seconds to let pass before each request; the first comes at once."""
    before = (0.0, *REQUESTS_AT)
    return [(at - last) / speed for last, at in zip(before, REQUESTS_AT, strict=False)]


def letter(start_kind: str) -> str:
    """`?` where no sandbox answered."""
    return LETTERS.get(start_kind, "?")


class OneUser(LoadTestShape):
    """Keeps one user until it has asked for the last time."""

    over = False
    starts = ""

    def reset_time(self) -> None:
        super().reset_time()
        OneUser.over, OneUser.starts = False, ""

    def tick(self) -> tuple[int, float] | None:
        return None if OneUser.over else (1, 1.0)


class IdleUser(PredictUser):
    speed = speedup("IDLE_SPEEDUP")

    @task
    def ask(self) -> None:
        for gap in gaps(self.speed):
            gevent.sleep(gap)
            row = self.predict()
            OneUser.starts += letter(row.start_kind)
            print(f"{OneUser.starts[-1]}  {row.latency_ms:9.1f} ms  {row.error}", flush=True)
        OneUser.over = True
        raise StopUser


@events.test_stop.add_listener
def _tell(**_: object) -> None:
    print(f"starts: {OneUser.starts}", flush=True)
