from __future__ import annotations

import subprocess
import sys

from tests.processes import gone
from tests.stalled import descendants

GRANDCHILD = (
    "import subprocess as s; p = s.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
)


def test_processes_of_processes_may_stand_still_and_those_that_ended_may_not() -> None:
    with subprocess.Popen([sys.executable, "-c", GRANDCHILD], stdout=subprocess.PIPE) as child:
        assert child.stdout
        grandchild = int(child.stdout.readline())
        assert {child.pid, grandchild} <= set(descendants())
        child.kill()
        assert gone(child.pid)
        assert child.pid not in descendants(), "it is a zombie"
    subprocess.run(["kill", str(grandchild)], check=True)


GAP = """
import threading, time
import tests.stalled as stalled

stalled.SECONDS, stalled.descendants = 0.5, list
began = last = time.monotonic()
gap = 0.0
threading.Thread(target=stalled.stand_still).start()
while last - began < 1.5:
    now = time.monotonic()
    gap, last = max(gap, now - last), now
print(gap)
"""


def test_standstill_is_one_of_all_threads() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GAP], stdout=subprocess.PIPE, timeout=60, check=True
    )
    assert float(done.stdout) > 0.4
