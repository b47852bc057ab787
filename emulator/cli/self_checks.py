"""Measures and breaks the emulator itself: `testbed bench`, `chaos`, `fidelity` and the like.

Needs the extra `experiments`, and therefore imports every room when a command runs.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from emulator.cli.choices import real_backends
from emulator.cli.option_groups import given, with_groups
from emulator.cli.options import Backend, Json, PageFile, RealBackends
from emulator.cli.output import print_json, progress_to_stderr
from emulator.errors import SettingsError


@dataclass(frozen=True, slots=True)
class _Subject:
    """Holds what is measured instead of the backends: one of these, or none."""

    simulator: Annotated[
        bool, typer.Option("--simulator", help="Measure the simulator instead, as Markdown.")
    ] = False
    control: Annotated[
        bool,
        typer.Option(
            "--control",
            help="Measure making and asking for 1,000 functions by API, and a restart with them, "
            "instead.",
        ),
    ] = False
    rehearse: Annotated[
        bool,
        typer.Option(
            "--rehearse",
            help="Measure the CPU of warm invocations without kernel and sandboxes instead, "
            "which other work on the machine hardly changes.",
        ),
    ] = False

    def count(self) -> int:
        """Returns how many are named."""
        return sum((self.simulator, self.control, self.rehearse))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Holds the checkout to compare with."""

    against: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Compare with the checkout in this folder, in turns."),
    ] = None
    turns: Annotated[
        int, typer.Option(metavar="N", min=1, help="Measure N turns of both (with --against).")
    ] = 7


@with_groups
def bench(
    *,
    backend: RealBackends = None,
    subject: _Subject,
    comparison: _Comparison,
    at_once: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Measure N cold starts at once too, beside the usual 30; may be repeated.",
        ),
    ] = None,
    out: PageFile = None,
    as_json: Json = False,
) -> int:
    """Measure the emulator itself."""
    _check_form(subject, comparison, as_json=as_json, out=out)
    _check_subject(subject, comparison, backend=backend, at_once=at_once, out=out)
    if subject.count():
        return _bench_apart(subject, comparison, as_json=as_json)
    backends, at_once = backend or real_backends(), at_once or []
    if comparison.against is not None:
        return _compare(comparison.against, comparison.turns, backends, out)
    if as_json:
        return _bench_as_json(backends, at_once)
    return _bench_as_page(backends, at_once, out)


def _check_form(
    subject: _Subject, comparison: _Comparison, *, as_json: bool, out: Path | None
) -> None:
    """Refuses a form of the answer that would not be given, and turns that would not be taken."""
    in_turns = subject.rehearse or comparison.against is not None
    if as_json and (in_turns or out is not None):
        raise SettingsError("--json prints figures: without --rehearse, --against and --out.")
    if given(comparison) and not in_turns:
        raise SettingsError("--turns is for --against or --rehearse.")


def _check_subject(
    subject: _Subject,
    comparison: _Comparison,
    *,
    backend: list[str] | None,
    at_once: list[int] | None,
    out: Path | None,
) -> None:
    """Refuses options of what is not measured."""
    if at_once and (subject.count() or comparison.against is not None):
        raise SettingsError("--at-once is for the backends themselves, without another checkout.")
    if subject.count() > 1 or (subject.count() and (backend or out is not None)):
        raise SettingsError(
            "--simulator, --control and --rehearse each measure something else than the "
            "backends, and print it: one of them alone, without --backend and --out."
        )
    if comparison.against is not None and subject.count() and not subject.rehearse:
        raise SettingsError("--against compares the backends, or rehearsals (--rehearse).")


def _bench_apart(subject: _Subject, comparison: _Comparison, *, as_json: bool) -> int:
    """Measures what is no backend: the simulator, the control plane, else rehearsals."""
    from emulator.experiments.benchmark.control_plane import run_control  # noqa: PLC0415
    from emulator.experiments.benchmark.rehearsal import (  # noqa: PLC0415
        RehearsalPlan,
        run_rehearsals,
    )
    from emulator.experiments.benchmark.scale import run_scale  # noqa: PLC0415

    if subject.rehearse:
        return run_rehearsals(comparison.against, RehearsalPlan(turns=comparison.turns))
    return run_scale(as_json=as_json) if subject.simulator else run_control(as_json=as_json)


def _compare(against: Path, turns: int, backends: list[str], out: Path | None) -> int:
    from emulator.experiments.benchmark.command import run_comparison  # noqa: PLC0415

    return run_comparison(against, backends=backends, turns=turns, out=out)


def _bench_as_page(backends: list[str], at_once: list[int], out: Path | None) -> int:
    from emulator.experiments.benchmark.command import run_bench  # noqa: PLC0415
    from emulator.experiments.benchmark.measurement import BenchPlan  # noqa: PLC0415

    return run_bench(backends=backends, plan=BenchPlan(more_bursts=tuple(at_once)), out=out)


def _bench_as_json(backends: list[str], at_once: list[int]) -> int:
    from emulator.experiments.benchmark.command import measure_bench  # noqa: PLC0415
    from emulator.experiments.benchmark.figures import bench_document  # noqa: PLC0415
    from emulator.experiments.benchmark.measurement import BenchPlan  # noqa: PLC0415

    with progress_to_stderr(when=True):
        results = measure_bench(backends=backends, plan=BenchPlan(more_bursts=tuple(at_once)))
    print_json(bench_document(results))
    return 0 if results.figures else 1


def chaos(
    *,
    backend: RealBackends = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Do this fault only; may be repeated. (default: all)"),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COMMAND",
            help="Run this too, while an engine that is started for it (DOCKER_HOST, ENGINE_PID) "
            "is under load; may be repeated.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Draw moments and victims from N.")] = 1,
    kills: Annotated[int, typer.Option(metavar="N", min=1, help="Kill the gateway N times.")] = 20,
    out: PageFile = None,
    as_json: Json = False,
) -> int:
    """Break things under an emulator, and count what is lost."""
    from emulator.experiments.chaos.command import run_chaos  # noqa: PLC0415

    code, document, page = run_chaos(
        backends=backend or real_backends(),
        names=fault or (),
        engine=engine or (),
        seed=seed,
        kills=kills,
        out=out,
    )
    if as_json:
        print_json(document)
    elif out is None:
        print(page)
    return code


def soak(
    *,
    minutes: Annotated[
        float, typer.Option(metavar="N", min=0.2, help="Serve for N minutes after the warm-up.")
    ] = 30.0,
    backend: RealBackends = None,
    out: PageFile = None,
    as_json: Json = False,
) -> int:
    """Serve for long, and see what grows.

    The load is half of the capacity, and functions are deployed meanwhile.
    """
    from emulator.experiments.chaos.soak import soak as soaked  # noqa: PLC0415
    from emulator.experiments.chaos.soak_report import (  # noqa: PLC0415
        failures,
        soak_document,
        soak_page,
    )

    tell = partial(print, file=sys.stderr)
    results = [soaked(one, minutes, tell) for one in backend or real_backends()]
    if out is not None:
        out.write_text(soak_page(results, minutes), encoding="utf-8")
    if as_json:
        print_json(soak_document(results, minutes))
    elif out is None:
        print(soak_page(results, minutes))
    return int(any(failures(result) for result in results))


def lost_events(
    *,
    events: Annotated[
        int, typer.Option(metavar="N", min=1, help="Invoke asynchronously N times.")
    ] = 2000,
    kills: Annotated[int, typer.Option(metavar="N", min=0, help="Kill the emulator N times.")] = 20,
    seed: Annotated[int, typer.Option(metavar="N", help="Draw the moments from N.")] = 1,
    backend: Backend = "process",
    out: PageFile = None,
    as_json: Json = False,
) -> int:
    """Kill an emulator while events come, and count the lost."""
    from emulator.experiments.lost_events.command import run_lost_events  # noqa: PLC0415

    code, document, page = run_lost_events(
        events=events, kills=kills, seed=seed, backend=backend, out=out
    )
    if as_json:
        print_json(document)
    elif out is None:
        print(page)
    return code


def fidelity(
    *,
    backend: RealBackends = None,
    repetitions: Annotated[
        int, typer.Option(metavar="N", help="Invoke N times at each size.")
    ] = 200,
    run_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write here. (default: runs/fidelity-<time>)")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Only read this run again.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Compare the CPU share with AWS's at eleven memory sizes."""
    from emulator.experiments.fidelity.command import (  # noqa: PLC0415
        fidelity_document,
        measure_fidelity,
        report_fidelity,
    )

    with progress_to_stderr(when=as_json):
        folder = report or measure_fidelity(
            backends=backend or real_backends(), repetitions=repetitions, run_dir=run_dir
        )
        code = 1 if folder is None else report_fidelity(folder)
    if as_json and folder is not None:
        print_json(fidelity_document(folder))
    return code
