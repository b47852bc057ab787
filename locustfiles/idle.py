"""Runs the study's scenario 1: single requests ever further apart, to see how long sandboxes live.

    locust -f locustfiles/idle.py --headless                     # an hour
    IDLE_SPEEDUP=60 locust -f locustfiles/idle.py --headless     # a minute, against an emulator
                                                                 # started with --idle-speedup 60

Requests come at minutes 0, 6, 16, 31 and 61, and at the end the starts are printed as a word:
CWWCC is a cold start, two warm ones and two cold ones.

An idle sandbox's lifetime counts from the end of its last answer, and answers always take real
time. So the gaps of 6, 10, 15 and 30 minutes are kept from the end of one answer to the start of
the next request: a cold start of some seconds would else eat minutes of a gap that is speeded up.

IDLE_MINUTES (0,6,16,31,61) sets when requests come. The other settings are told in common.py.
"""

from __future__ import annotations

import math
import os
import time
from itertools import pairwise

import gevent
from common import BadSettingError, PredictUser, dilation, speedup
from locust import LoadTestShape, events, task
from locust.exception import StopUser

MINUTE = 60.0
REQUESTS_AT = (0.0, 6 * MINUTE, 16 * MINUTE, 31 * MINUTE, 61 * MINUTE)
LETTERS = {"cold": "C", "warm": "W"}


def request_times(text: str) -> tuple[float, ...]:
    """Returns seconds for minutes such as `0,6,16`; the study's own for an empty text."""
    if not text.strip():
        return REQUESTS_AT
    try:
        found = [float(part) * MINUTE for part in text.split(",")]
    except ValueError:
        found = []
    right = found == sorted(found) and all(at >= 0 and math.isfinite(at) for at in found)
    if not found or not right:
        raise BadSettingError(f"IDLE_MINUTES must be rising minutes, such as 0,6, not {text!r}.")
    return tuple(found)


def gaps(speed: float = 1.0, times: tuple[float, ...] = REQUESTS_AT) -> list[float]:
    """Returns the seconds to let pass before each request."""
    return [(at - last) / speed for last, at in pairwise((0.0, *times))]


def letter(start_kind: str) -> str:
    """Returns C for a cold start, W for a warm one, and `?` for any other or none."""
    return LETTERS.get(start_kind, "?")


class OneUser(LoadTestShape):
    """Keeps one user until that user has asked for the last time."""

    over = False
    starts = ""

    def reset_time(self) -> None:
        super().reset_time()
        OneUser.over, OneUser.starts = False, ""

    def tick(self) -> tuple[int, float] | None:
        return None if OneUser.over else (1, 1.0)


class IdleUser(PredictUser):
    """Asks at the set minutes, and tells what each request met."""

    speed = speedup("IDLE_SPEEDUP") / dilation()
    times = request_times(os.environ.get("IDLE_MINUTES", ""))

    def idle(self, gap: float) -> None:
        """Lets a gap pass.

        Dropping the page cache is a part of the gap, late in the gap: sandboxes that are still
        alive keep their files' pages.
        """
        over = time.monotonic() + gap
        gevent.sleep(max(0.0, gap - 2 * self.dropping_took))
        self.forget_files()
        gevent.sleep(max(0.0, over - time.monotonic()))

    @task
    def ask(self) -> None:
        for gap in gaps(self.speed, self.times):
            self.idle(gap)
            row = self.predict()
            OneUser.starts += letter(row.start_kind)
            print(f"{OneUser.starts[-1]}  {row.latency_ms:9.1f} ms  {row.error}", flush=True)
        OneUser.over = True
        raise StopUser


@events.test_stop.add_listener
def _tell(**_: object) -> None:
    print(f"starts: {OneUser.starts}", flush=True)
