"""Runs functions under load for what they show: `testbed demo`, `experiment` and `tune`.

Needs the extra `experiments`, and therefore imports every room when a command runs.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emulator.cli.choices import backends, checker, completer, strategies
from emulator.cli.clients import read_payload
from emulator.cli.options import (
    BACKENDS,
    Backend,
    Function,
    Json,
    Profile,
    check_default_template,
    seconds,
)
from emulator.cli.output import print_json, progress_to_stderr
from emulator.errors import SettingsError
from emulator.project import TEMPLATE

if TYPE_CHECKING:
    from emulator.experiments.tune.tuning import Tuning


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
    repeat: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Run it N times, and compare the advice of each."),
    ] = None,
) -> int:
    """Run the study in small and make its report."""
    from emulator.experiments.demo import run_demo  # noqa: PLC0415  # matplotlib is slow to import
    from emulator.experiments.demo_repeats import run_repeats  # noqa: PLC0415

    if repeat is not None:
        return run_repeats(repeat, backend=backend, dilation=_dilation(dilation), run_dir=run_dir)
    return run_demo(backend=backend, dilation=_dilation(dilation), run_dir=run_dir)


def _dilation(text: str | None) -> int | str | None:
    if text is None or text == "auto":
        return text
    if text.isdecimal() and int(text):
        return int(text)
    raise SettingsError(f"--dilation must be a whole number from 1, or 'auto', and not {text!r}.")


def experiment(
    plan: Annotated[
        Path, typer.Argument(metavar="PLAN", help="TOML file, such as studies/small.toml.")
    ],
    *,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write here, and go on with the run that is there. (default: runs/<plan>-<time>)",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with this run, which must exist; a cell whose folder you have taken away "
            "is measured again.",
        ),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            metavar="TIME",
            help="Begin no cell that would not end within so long, such as 90s, 30m or 2h.",
            parser=seconds,
        ),
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
    from emulator.experiments.analysis.memory_curve import is_advice_sure  # noqa: PLC0415
    from emulator.experiments.runner.study import run_experiment  # noqa: PLC0415

    return run_experiment(
        plan,
        run_dir=run_dir,
        resume=resume,
        backends=backend or (),
        time_limit=time_limit,
        dry_run=dry_run,
        is_enough=is_advice_sure,
    )


def tune(
    function: Function,
    *,
    payload: Annotated[
        list[str] | None,
        typer.Option(
            metavar="JSON|@FILE|-",
            help="Send this JSON, @FILE or stdin (-); may be repeated, used in turn. (default: {})",
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
        typer.Option(
            metavar="SHARE", help="Weigh cost against speed: 1 is cost alone, 0 speed alone."
        ),
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
    check_default_template(template)
    from emulator.experiments.analysis.memory_choice import Strategy  # noqa: PLC0415
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
    return _tune_as_json(tuning, run_dir) if as_json else _tune(tuning, run_dir)


def _tune(tuning: "Tuning", run_dir: Path | None) -> int:
    from emulator.experiments.tune.command import run_tune  # noqa: PLC0415

    return run_tune(tuning, run_dir)


def _tune_as_json(tuning: "Tuning", run_dir: Path | None) -> int:
    from emulator.experiments.tune.command import tune as tune_sizes  # noqa: PLC0415
    from emulator.experiments.tune.results import tune_document  # noqa: PLC0415

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
