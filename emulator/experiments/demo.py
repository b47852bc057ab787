"""`testbed demo`: the study in small, in about two minutes, and its run directory left behind.

Starts an emulator of its own, shows what the model answers, sends the ramp of users to each of
the three functions, one after the other, and ends with the table and the chart. Whatever happens
in between, the emulator and Locust are ended before it returns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from emulator.core.model import StartKind
from emulator.errors import TestbedError
from emulator.experiments.chart import chart
from emulator.experiments.launch import EmulatorProcess, end, stoppable
from emulator.experiments.progress import RowFollower
from emulator.experiments.report import table
from emulator.experiments.run_directory import CLIENTS, ClientRow, append_client_rows, read_run
from emulator.experiments.stats import requests_by_function

if TYPE_CHECKING:
    from emulator.experiments.run_directory import Run

RAMP = 300.0
"""Seconds of the ramp in ramp.py at its own speed."""
_ROOT = Path(__file__).resolve().parents[2]
_STATE = Path(".testbed") / "demo"
"""Outside of the run: TensorFlow is installed once and not once a demo."""
_READY_WITHIN = 1200.0
"""Seconds: a first deployment installs TensorFlow."""
_INIT_WITHIN = 60
"""Seconds, not Lambda's 10: from a cold disk TensorFlow takes 40 to load on a small machine."""
_ANSWER_WITHIN = 100.0
_LOCUST_STARTS_AND_ENDS_WITHIN = 130.0
_LOOK_EVERY = 2.0
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Stage:
    """A ramp against one route."""

    path: str
    function: str
    words: str
    share: float
    """Of the length of the first ramp."""


STAGES = (
    Stage("/predict", "kdd99-tf", "TensorFlow", 1.0),
    Stage("/predict/litert", "kdd99-litert", "LiteRT, the same model", 1 / 6),
    Stage("/predict/numpy", "kdd99-numpy", "NumPy, the same model", 1 / 6),
)


def run_demo(
    *,
    backend: str = "auto",
    run_dir: Path | None = None,
    seconds: float = 60.0,
    python: str = sys.executable,
) -> int:
    """The exit code: 0 where every request was answered right.

    Args:
        backend: auto, docker or process.
        run_dir: what it leaves; None: a new `runs/<time>`.
        seconds: length of the ramp against TensorFlow; the others' are a sixth of it.
        python: the interpreter that the emulator and Locust run in.

    Raises:
        TestbedError: it cannot go on; the message says why.
    """
    if seconds <= 0:
        raise TestbedError(f"The ramp must be longer than {seconds:g} s.")
    folder = _new_folder(run_dir)
    records = _labelled_records()
    print(f"Starting an emulator; its log is {folder / 'emulator.log'}.", flush=True)
    options = (
        *("--template", str(_ROOT / "functions" / "template.yaml"), "--backend", backend),
        *("--run-dir", str(folder), "--state-dir", str(_STATE)),
        *("--init-timeout", str(_INIT_WITHIN)),
    )
    emulator = EmulatorProcess(
        options, folder / "emulator.log", ready_within=_READY_WITHIN, tell=_tell, python=python
    )
    with stoppable(), emulator:
        for stage in STAGES:
            _show_answers(emulator.url, stage, records, folder)
            _ramp(emulator, stage, seconds * stage.share, folder, python)
        print("\nStopping the emulator.", flush=True)
    return _conclude(folder)


def _tell(line: str) -> None:
    print(line, flush=True)


def _new_folder(run_dir: Path | None) -> Path:
    folder = run_dir or Path("runs") / datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    if folder.exists() and any(folder.iterdir()):
        raise TestbedError(f"{folder} is not empty; a run needs a folder of its own (--run-dir).")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _labelled_records() -> list[tuple[list[float], int]]:
    """A few real records, normal ones and anomalies."""
    path = _ROOT / "functions" / "kdd99" / "records.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        labelled = list(zip(content["records"], content["labels"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise TestbedError(
            f"The demo runs in a checkout; {path} cannot be read: {error}"
        ) from error
    normal = [pair for pair in labelled if not pair[1]]
    anomalies = [pair for pair in labelled if pair[1]]
    return (normal[: _SHOWN - 2] + anomalies[:2])[:_SHOWN]


def _show_answers(
    url: str, stage: Stage, records: list[tuple[list[float], int]], folder: Path
) -> None:
    """Asks twice, cold and warm, and prints what the model made of the records."""
    print(f"\nPOST {stage.path}  ({stage.words})", flush=True)
    rows = []
    for _ in range(2):
        row, answer = _ask(url + stage.path, [record for record, _ in records])
        rows.append(row)
        if row.error:
            raise TestbedError(
                f"POST {stage.path} was not answered right: {row.error}\n"
                + _function_log(url, stage.function)
            )
        kind = row.start_kind or "unknown"
        print(f"  {kind} start, answered in {row.latency_ms:.1f} ms", flush=True)
    append_client_rows(folder / CLIENTS, rows)
    for (record, label), prediction in zip(records, answer["predictions"], strict=True):
        said = "anomaly" if prediction["label"] else "normal"
        known = "anomaly" if label else "normal"
        print(
            f"  {record[0]:>6g} s {record[1]:>8g} B sent {record[2]:>8g} B received"
            f"   probability {prediction['probability']:.6f}   {said:<7} (was {known})"
        )


def _function_log(url: str, function: str) -> str:
    """The newest lines that the function wrote; empty where they cannot be had."""
    try:
        response = httpx.get(f"{url}/_testbed/logs/{function}", params={"limit": 10}, timeout=5)
    except httpx.HTTPError:
        return ""
    lines = response.text.splitlines() if response.is_success else []
    return "\n".join(f"  {function} | {line}" for line in lines)


def _ask(url: str, records: list[list[float]]) -> tuple[ClientRow, Any]:
    start, begun = time.time(), time.perf_counter()
    answer: Any = None
    try:
        response = httpx.post(url, json={"records": records}, timeout=_ANSWER_WITHIN)
        status, headers = response.status_code, response.headers
        answer = response.json()
        good = status == httpx.codes.OK and len(answer["predictions"]) == len(records)
        error = "" if good else f"status {status}: {response.text[:300]}"
    except httpx.HTTPError as problem:
        status, headers, error = 0, httpx.Headers(), f"no answer: {problem!r}"
    except (ValueError, KeyError, TypeError):
        error = f"status {status}, not a list of predictions: {response.text[:300]}"
    latency_ms = (time.perf_counter() - begun) * 1000
    kind = headers.get("x-testbed-start")
    row = ClientRow(
        request_id=headers.get("x-testbed-request-id", ""),
        start=start,
        latency_ms=latency_ms,
        status=status,
        start_kind=StartKind(kind) if kind else None,
        sandbox=headers.get("x-testbed-sandbox", ""),
        users=1,
        path=httpx.URL(url).path,
        error=" ".join(error.split()),
    )
    return row, answer


def _ramp(
    emulator: EmulatorProcess, stage: Stage, seconds: float, folder: Path, python: str
) -> None:
    print(f"\nA ramp of 3, 6, 9 and 18 users to {stage.path}, {seconds:.0f} s:", flush=True)
    log = folder / f"locust{stage.path.replace('/', '-')}.log"
    command = [python, "-m", "locust", "-f", str(_ROOT / "locustfiles" / "ramp.py")]
    command += ["--headless", "--only-summary", "--host", emulator.url]
    # a request that failed is a row of the table, not a failure of Locust
    command += ["--exit-code-on-error", "0"]
    environment = {
        **os.environ,
        "PREDICT_PATH": stage.path,
        "RAMP_SPEEDUP": repr(RAMP / seconds),
        "TESTBED_CLIENT_ROWS": str(folder / CLIENTS),
    }
    with log.open("w", encoding="utf-8") as output:
        locust = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=environment,
        )
        try:
            code = _follow(locust, emulator, RowFollower(folder / CLIENTS), seconds)
        finally:
            end(locust, within=5)
    if code != 0:
        tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-10:])
        raise TestbedError(f"Locust ended with exit code {code}; the end of {log}:\n{tail}")


def _follow(
    locust: subprocess.Popen[str], emulator: EmulatorProcess, rows: RowFollower, seconds: float
) -> int:
    """Tells every other second how it goes; Locust's exit code."""
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds + _LOCUST_STARTS_AND_ENDS_WITHIN:
        try:
            code = locust.wait(_LOOK_EVERY)
        except subprocess.TimeoutExpired:
            emulator.check()
            now = passed + _LOOK_EVERY
            over = (
                "   (the ramp is over, the last answers are awaited)" if now > seconds + 4 else ""
            )
            print(f"  {now:4.0f} s   {rows.news(_LOOK_EVERY)}{over}", flush=True)
        else:
            return code
    raise TestbedError(
        f"Locust did not end within {seconds + _LOCUST_STARTS_AND_ENDS_WITHIN:.0f} s."
    )


def _conclude(folder: Path) -> int:
    run = read_run(folder)
    summary = table(run)
    (folder / "summary.txt").write_text(summary, encoding="utf-8")
    chart(run, folder / "chart.png")
    print(f"\n{summary}")
    print(f"The run is in {folder}: journal.jsonl, clients.csv, summary.txt, chart.png", flush=True)
    return _verdict(run)


def _verdict(run: Run) -> int:
    samples = [s for requests in requests_by_function(run) for s in requests.samples]
    failed = sum(sample.failed for sample in samples)
    if failed:
        first = next((row.error for row in run.clients if row.error), "no reason was told")
        print(f"{failed} of {len(samples)} requests failed, the first with: {first}")
    return 1 if failed else 0
