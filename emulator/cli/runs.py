"""Starts measurements: `testbed demo`, `experiment`, `tune`, `bench`, `chaos` and the like.

Needs the extra `experiments`, and therefore imports every room when a command runs.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from emulator.cli.choices import backends, checker, completer, strategies
from emulator.cli.clients import read_payload
from emulator.cli.options import BACKENDS, Backend, Function, Json, Profile, RealBackends
from emulator.cli.output import print_json, progress_to_stderr
from emulator.errors import SettingsError
from emulator.project import TEMPLATE


def demo(
    *,
    backend: Backend = "auto",
    dilation: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto",
            help="Run N times slower than life, or as slowly as this machine needs. "
            "(default: the plan's, auto)",
        ),
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write here. (default: runs/demo-<time>)")
    ] = None,
) -> int:
    """Run the study in small and make its report."""
    from emulator.experiments.demo import run_demo  # noqa: PLC0415  # matplotlib is slow to import

    return run_demo(backend=backend, dilation=_dilation(dilation), run_dir=run_dir)


def _dilation(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def experiment(
    plan: Annotated[Path, typer.Argument(help="TOML file, such as studies/small.toml.")],
    *,
    run_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write here. (default: runs/<plan>-<time>)")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Finish the cells of this run.")
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(
            metavar=BACKENDS,
            help="Run on this backend in place of the plan's; may be repeated.",
            parser=checker(backends),
            autocompletion=completer(backends),
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells and the time that they will take.")
    ] = False,
) -> int:
    """Run a study's plan."""
    from emulator.experiments.runner.study import run_experiment  # noqa: PLC0415

    return run_experiment(
        plan, run_dir=run_dir, resume=resume, backends=backend or (), dry_run=dry_run
    )


def tune(
    function: Function,
    *,
    payload: Annotated[
        list[str] | None,
        typer.Option(
            help="Send this JSON, @FILE or stdin (-); may be repeated, used in turn. (default: {})"
        ),
    ] = None,
    memory: Annotated[
        str, typer.Option(metavar="MB,MB…", help="Try these sizes.")
    ] = "128,256,512,1024,1792",
    invocations: Annotated[
        int, typer.Option(metavar="N", help="Invoke N times at each size.")
    ] = 50,
    strategy: Annotated[
        str,
        typer.Option(
            metavar="cost|speed|balanced",
            help="Choose what the best size is best at.",
            parser=checker(strategies),
            autocompletion=completer(strategies),
        ),
    ] = "balanced",
    balanced_weight: Annotated[
        float,
        typer.Option(help="Weigh cost against speed: 1 is cost alone, 0 speed alone."),
    ] = 0.5,
    template: Annotated[
        Path, typer.Option(metavar="FILE", help="Take the function from this SAM template.")
    ] = TEMPLATE,
    backend: Backend = "auto",
    profile: Profile = "aws-2026",
    run_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write here. (default: runs/tune-<time>)")
    ] = None,
    as_json: Json = False,
) -> int:
    """Find the best memory size of a function."""
    from emulator.experiments.analysis.memory_choice import Strategy  # noqa: PLC0415
    from emulator.experiments.tune.command import run_tune  # noqa: PLC0415
    from emulator.experiments.tune.command import tune as tune_sizes  # noqa: PLC0415
    from emulator.experiments.tune.results import tune_document  # noqa: PLC0415
    from emulator.experiments.tune.tuning import Tuning  # noqa: PLC0415

    tuning = Tuning(
        function=function,
        payloads=tuple(read_payload(text) for text in payload or ["{}"]),
        memories=_memories(memory),
        invocations=invocations,
        strategy=Strategy(strategy),
        weight=balanced_weight,
        template=template,
        backend=backend,
        profile=profile,
    )
    if not as_json:
        return run_tune(tuning, run_dir)
    with progress_to_stderr(when=True):
        results = tune_sizes(tuning, run_dir)
    print_json(tune_document(results))
    return 0


def _memories(text: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError as error:
        raise SettingsError(
            f"--memory must be sizes in MB, such as 128,256, and not {text!r}."
        ) from error


def bench(
    *,
    backend: RealBackends = None,
    simulator: Annotated[
        bool, typer.Option("--simulator", help="Measure the simulator instead, as Markdown.")
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
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page here. (default: stdout)")
    ] = None,
    as_json: Json = False,
) -> int:
    """Measure the emulator itself."""
    if simulator:
        from emulator.experiments.benchmark.scale import run_scale  # noqa: PLC0415

        return run_scale(as_json=as_json)
    if rehearse:
        from emulator.experiments.benchmark.rehearsal import (  # noqa: PLC0415
            RehearsalPlan,
            run_rehearsals,
        )

        return run_rehearsals(against, RehearsalPlan(turns=turns))
    from emulator.experiments.benchmark.command import (  # noqa: PLC0415
        measure_bench,
        run_bench,
        run_comparison,
    )
    from emulator.experiments.benchmark.figures import bench_document  # noqa: PLC0415

    backends = backend or ["docker", "process"]
    if against is not None:
        return run_comparison(against, backends=backends, turns=turns, out=out)
    if not as_json:
        return run_bench(backends=backends, out=out)
    with progress_to_stderr(when=True):
        results = measure_bench(backends=backends)
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
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page here. (default: stdout)")
    ] = None,
    as_json: Json = False,
) -> int:
    """Break things under a running emulator, and count what is lost."""
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
    """Serve at half capacity while functions are deployed, and see what grows."""
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
    """Kill an emulator while events come, and count which of them ran."""
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
