"""Sends events while an emulator is killed at random moments, and counts what became of them.

An event counts from its acceptance on: 202 for an asynchronous invoke, the source's answer for a
message or a record. What was refused, or not answered since the emulator was gone, is sent again.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING

import httpx

from emulator.experiments.lost_events.ledger import Ledger
from emulator.experiments.lost_events.sources import Sources, client
from emulator.experiments.runner.emulator_process import EmulatorProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

FUNCTION = "note"
_SENDERS = 8
_OF_SOURCES = 8
"""An event in this many goes into the queue, and one into the stream."""
_READY_WITHIN = 60.0
_SETTLED_WITHIN = 120.0
_PAUSE = 0.05
_SPEEDUP = "20"
"""How much faster throttled events are tried again: the trial is about kills, not about waits."""
_MOST_DELAY = 0.5
"""Seconds between the event that a kill waits for and the kill."""
_TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Note:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: {function}
      CodeUri: code/
      Handler: app.handler
      Runtime: python3.13
      MemorySize: 128
      Timeout: 5
      Environment: {{Variables: {{LEDGER: "{ledger}"}}}}
"""


@dataclass(slots=True)
class Counts:
    """Holds what happened in a trial."""

    events: int
    kills: int
    seed: int
    accepted: int = 0
    sent_again: int = 0
    """Sendings that failed, since the emulator was killed or starting."""
    ran: int = 0
    lost: list[str] = field(default_factory=list)
    repeated: int = 0
    """Runs of events that had run before."""
    left_queued: int = 0
    """Asynchronous events that the emulator still has at the end."""
    left_in_queue: int = 0
    """Messages that the source still has at the end."""
    restarts_s: list[float] = field(default_factory=list)
    seconds: float = 0.0
    settled_s: float = 0.0
    """From the last acceptance until every event had run and nothing was left."""

    @property
    def passed(self) -> bool:
        left = self.left_queued + self.left_in_queue
        return not self.lost and not left and len(self.restarts_s) == self.kills


def run_trial(
    folder: Path,
    *,
    events: int,
    kills: int,
    seed: int,
    backend: str = "process",
    tell: Callable[[str], None] = print,
) -> Counts:
    """Runs one trial in a folder that is there.

    Raises:
        TestbedError: the emulator or the sources do not start.
    """
    counts = Counts(events, kills, seed)
    began = time.monotonic()
    with Ledger() as ledger, Sources(folder / "sources.log") as sources:
        options = _options(folder, _write(folder, ledger), sources, backend)
        with EmulatorProcess(
            options, folder / "up.log", ready_within=_READY_WITHIN, tell=tell
        ) as emulator:
            _map(emulator.url, sources)
            _Trial(emulator, sources, counts).run(_ids(events), kills, random.Random(seed))  # noqa: S311
            _settle(counts, ledger, sources, folder)
    counts.seconds = time.monotonic() - began
    return counts


def _write(folder: Path, ledger: Ledger) -> Path:
    code = resources.files(__package__).joinpath("handler.py").read_text(encoding="utf-8")
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code" / "app.py").write_text(code, encoding="utf-8")
    template = folder / "template.yaml"
    template.write_text(_TEMPLATE.format(function=FUNCTION, ledger=ledger.address))
    return template


def _options(folder: Path, template: Path, sources: Sources, backend: str) -> list[str]:
    endpoints = (f"--aws-endpoint={service}={sources.url}" for service in ("sqs", "kinesis"))
    return [
        *("--template", str(template), "--state-dir", str(folder / "state")),
        *("--backend", backend, "--no-companion", "--idle-speedup", _SPEEDUP),
        *endpoints,
    ]


def _map(url: str, sources: Sources) -> None:
    """Maps the function to both sources."""
    lambda_ = client("lambda", url)
    lambda_.create_event_source_mapping(EventSourceArn=sources.queue_arn, FunctionName=FUNCTION)
    lambda_.create_event_source_mapping(
        EventSourceArn=sources.stream_arn,
        FunctionName=FUNCTION,
        StartingPosition="TRIM_HORIZON",
        ParallelizationFactor=2,
    )


def _ids(events: int) -> list[str]:
    """Returns `events` ids of asynchronous invokes, and those of messages and records between."""
    found = []
    for number in range(events):
        found.append(f"invoke-{number}")
        if number % _OF_SOURCES == 0:
            found += [f"queue-{number}", f"stream-{number}"]
    return found


class _Trial:
    """Sends events to an emulator, and kills the emulator meanwhile."""

    def __init__(self, emulator: EmulatorProcess, sources: Sources, counts: Counts) -> None:
        self._emulator = emulator
        self._sources = sources
        self._counts = counts
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._http = httpx.Client(timeout=20, trust_env=False)

    def run(self, ids: Sequence[str], kills: int, chance: random.Random) -> None:
        moments = sorted(chance.sample(range(len(ids)), kills))
        delays = [chance.uniform(0, _MOST_DELAY) for _ in moments]
        killer = threading.Thread(target=self._kill, args=(moments, delays))
        killer.start()
        try:
            with ThreadPoolExecutor(_SENDERS) as senders:
                for _ in senders.map(self._send, ids):
                    pass
        finally:
            self._over.set()
            killer.join()
            self._http.close()

    def _send(self, identifier: str) -> None:
        deadline = time.monotonic() + _SETTLED_WITHIN
        while not self._is_accepted(identifier):
            assert time.monotonic() < deadline, f"{identifier} is never accepted"
            with self._lock:
                self._counts.sent_again += 1
            time.sleep(_PAUSE)
        with self._lock:
            self._counts.accepted += 1

    def _is_accepted(self, identifier: str) -> bool:
        if not identifier.startswith("invoke"):
            self._sources.send(identifier)
            return True
        url = f"{self._emulator.url}/2015-03-31/functions/{FUNCTION}/invocations"
        headers = {"x-amz-invocation-type": "Event"}
        try:
            answer = self._http.post(url, json={"id": identifier}, headers=headers)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.ACCEPTED

    def _kill(self, moments: Sequence[int], delays: Sequence[float]) -> None:
        """Kills when as many events as a moment says were accepted, a delay later."""
        for moment, delay in zip(moments, delays, strict=True):
            while self._counts.accepted < moment and not self._over.is_set():
                time.sleep(_PAUSE / 10)
            time.sleep(delay)
            began = time.monotonic()
            self._emulator.kill()
            self._emulator.start()
            self._counts.restarts_s.append(time.monotonic() - began)


def _settle(counts: Counts, ledger: Ledger, sources: Sources, folder: Path) -> None:
    """Waits until everything has run and nothing is left, or long enough; counts."""
    began = time.monotonic()
    wanted = set(_ids(counts.events))
    while time.monotonic() - began < _SETTLED_WITHIN:
        counts.left_queued, counts.left_in_queue = _queued(folder), sources.queued()
        if wanted <= ledger.runs().keys() and not counts.left_queued and not counts.left_in_queue:
            break
        time.sleep(_PAUSE)
    runs = ledger.runs()
    counts.settled_s = time.monotonic() - began
    counts.ran = len(runs.keys() & wanted)
    counts.lost = sorted(wanted - runs.keys())
    counts.repeated = sum(runs.values()) - len(runs)


def _queued(folder: Path) -> int:
    database = folder / "state" / "state.db"
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found: int = connection.execute("SELECT count(*) FROM events").fetchone()[0]
    return found
