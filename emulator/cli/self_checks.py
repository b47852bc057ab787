"""Measures and breaks the emulator itself: `testbed bench`, `chaos`, `fidelity` and the like.

Needs the extra `experiments`, and therefore imports every room when a command runs.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from emulator.cli.options import Backend, Json, RealBackends
from emulator.cli.output import print_json, progress_to_stderr
from emulator.errors import SettingsError


def bench(
    *,
    backend: RealBackends = None,
    simulator: Annotated[
        bool, typer.Option("--simulator", help="Measure the simulator instead, as Markdown.")
    ] = False,
    control: Annotated[
        bool,
        typer.Option(
            "--control",
            help="Measure making and asking for 1,000 functions by API, and a restart with them, "
            "instead.",
        ),
    ] = False,
    rehearse: Annotated[
        bool,
        typer.Option(
            "--rehearse",
            help="Measure the CPU of warm invocations without kernel and sandboxes instead, "
            "which other work on the machine hardly changes.",
        ),
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Compare with the checkout in this folder, in turns."),
    ] = None,
    turns: Annotated[
        int, typer.Option(metavar="N", min=1, help="Measure N turns of both (with --against).")
    ] = 7,
    at_once: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Measure N cold starts at once too, beside the usual 30; may be repeated.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page here. (default: stdout)")
    ] = None,
    as_json: Json = False,
) -> int:
    """Measure the emulator itself."""
    if at_once and (simulator or control or rehearse or against is not None):
        raise SettingsError("--at-once is for the backends themselves, without another checkout.")
    if simulator or control or rehearse:
        if sum((simulator, control, rehearse)) > 1 or backend or out is not None:
            raise SettingsError(
                "--simulator, --control and --rehearse each measure something else than the "
                "backends, and print it: one of them alone, without --backend and --out."
            )
        if against is not None and not rehearse:
            raise SettingsError("--against compares the backends, or rehearsals (--rehearse).")
        return _bench_apart(
            simulator=simulator, control=control, against=against, turns=turns, as_json=as_json
        )
    from emulator.experiments.benchmark.command import (  # noqa: PLC0415
        measure_bench,
        run_bench,
        run_comparison,
    )
    from emulator.experiments.benchmark.figures import bench_document  # noqa: PLC0415
    from emulator.experiments.benchmark.measurement import BenchPlan  # noqa: PLC0415

    backends = backend or ["docker", "process"]
    if against is not None:
        return run_comparison(against, backends=backends, turns=turns, out=out)
    plan = BenchPlan(more_bursts=tuple(at_once or ()))
    if not as_json:
        return run_bench(backends=backends, plan=plan, out=out)
    with progress_to_stderr(when=True):
        results = measure_bench(backends=backends, plan=plan)
    print_json(bench_document(results))
    return 0 if results.figures else 1


def _bench_apart(
    *, simulator: bool, control: bool, against: Path | None, turns: int, as_json: bool
) -> int:
    """Measures what is no backend: the simulator, the control plane, else rehearsals."""
    if simulator:
        from emulator.experiments.benchmark.scale import run_scale  # noqa: PLC0415

        return run_scale(as_json=as_json)
    if control:
        from emulator.experiments.benchmark.control_plane import run_control  # noqa: PLC0415

        return run_control(as_json=as_json)
    from emulator.experiments.benchmark.rehearsal import (  # noqa: PLC0415
        RehearsalPlan,
        run_rehearsals,
    )

    return run_rehearsals(against, RehearsalPlan(turns=turns))


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
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page here. (default: stdout)")
    ] = None,
    as_json: Json = False,
) -> int:
    """Break things under an emulator, and count what is lost."""
    from emulator.experiments.chaos.command import run_chaos  # noqa: PLC0415

    code, document, page = run_chaos(
        backends=backend or ["docker", "process"],
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
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page here. (default: stdout)")
    ] = None,
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
    results = [soaked(one, minutes, tell) for one in backend or ["docker", "process"]]
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
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page here. (default: stdout)")
    ] = None,
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
            backends=backend or ["docker", "process"], repetitions=repetitions, run_dir=run_dir
        )
        code = 1 if folder is None else report_fidelity(folder)
    if as_json and folder is not None:
        print_json(fidelity_document(folder))
    return code
