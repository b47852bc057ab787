"""Works for a while, waits for a while, and answers: a function whose times are known.

An event may set `work` (steps of arithmetic, 250,000 by default: some 20 ms of a CPU) and `wait_s`
(.02 by default). Work takes longer the less CPU a memory size buys; waiting does not. `fail` is the
share of calls that end in an error (0 by default), for what retries cost.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any

WORK = 250_000
WAIT_S = 0.02


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    asked = json.loads(event.get("body") or "{}")
    value = 1
    for _step in range(int(asked.get("work", WORK))):
        value = (value * 48_271) % 2_147_483_647
    time.sleep(float(asked.get("wait_s", WAIT_S)))
    if random.random() < float(asked.get("fail", 0)):  # noqa: S311  # no secret
        raise RuntimeError("failed by chance, as was asked")
    return {"statusCode": 200, "body": json.dumps({"value": value})}
