"""Assembles the `testbed` command from its groups of commands.

Owns the order of the commands, the examples and the options before a command.
"""

from typing import Annotated

import typer

from emulator.cli import clients, policies, reports, runs, self_checks, serve
from emulator.cli.deploy import deploy
from emulator.cli.init import init
from emulator.cli.simulate import simulate
from emulator.cli.version import version

_EXAMPLES = """Examples:

\b
  testbed init my-project                      write a small project to start from
  testbed up                                   serve functions/template.yaml on port 8000
  testbed up --keep-alive 600 --idle-speedup 60
                                               sandboxes live 10 minutes idle, in 10 seconds
  testbed up --backend process --profile aws-2018
  testbed invoke echo --payload '{"hello": "world"}'
  testbed ps                                   the sandboxes that live now
  testbed logs kdd99-tf --follow --filter ERROR
                                               what the function wrote, and writes
  testbed deploy ../shop/template.yaml         take a SAM project to the running emulator
  testbed recycle echo                         make its next request a cold start
  testbed demo                                 the whole study in small, with a report
  testbed tune echo --memory 128,256,512       the best memory size by cost and speed
  testbed report runs/small                    a page of a run; of two runs: side by side
  testbed bill runs/small --free-tier          what AWS would ask for it
  testbed experiment studies/small.toml        run a plan's cells; --dry-run only lists them
  testbed simulate studies/small.toml --calibrate runs/small
                                               predict the same cells in seconds
  testbed simulate --trace calls.csv --policy lru --policy fixed:seconds=600
                                               what calls of one's own would come to
  testbed compare-policies --trace calls.csv   keep-alive policies: cold starts, memory, cost

Exit codes: 0 done, 1 failed, 2 wrongly used (nothing was begun), 130 interrupted.
"""

app = typer.Typer(
    name="testbed",
    help="Run AWS Lambda functions on this machine as Lambda would, and measure them.",
    epilog=_EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: rich takes longer to import than all else together
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


def _finish(code: int | None, **_: object) -> None:
    """Ends the program with the exit code that a command returned."""
    raise typer.Exit(code or 0)


@app.callback(result_callback=_finish)
def _globals(
    *,
    show_version: Annotated[  # noqa: ARG001  # its callback ends the command
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is done, and why, to stderr.")
    ] = False,
) -> None:
    if verbose:
        serve.log_verbosely()


for command in (
    *(init, serve.up, clients.invoke, clients.ps, clients.logs, clients.recycle, deploy),
    *(runs.demo, runs.experiment, simulate, reports.report, reports.bill, runs.tune),
    *(
        self_checks.bench,
        self_checks.chaos,
        self_checks.soak,
        self_checks.lost_events,
        self_checks.fidelity,
        reports.network,
        reports.validate,
    ),
    *(policies.compare_policies, version),
):
    app.command()(command)
app.command("import")(reports.import_clients)  # a word of Python's own
