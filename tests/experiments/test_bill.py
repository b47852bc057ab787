"""`testbed bill`: sums worked out by hand from AWS's price list."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.cli import main
from emulator.core.journal import Entry
from emulator.core.messages.commands import Dispatch, StartSandbox
from emulator.core.messages.events import (
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    SandboxReady,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.messages.measurements import Anatomy
from emulator.core.model import FunctionVersion, StartKind
from emulator.core.prices import Api
from emulator.errors import SettingsError
from emulator.experiments.bill import bill_figures, bill_run

if TYPE_CHECKING:
    from tests.experiments.conftest import MadeRun


def row(text: str, *beginning: str) -> list[str]:
    """The fields of the one row that begins so."""
    rows = [line.split("  ") for line in text.splitlines()]
    fields = [[field.strip() for field in line if field.strip()] for line in rows]
    (found,) = [line for line in fields if tuple(line[: len(beginning)]) == beginning]
    return found[len(beginning) :]


def test_init_of_cold_starts_is_billed_by_the_prices_of_2025(study: MadeRun) -> None:
    told = bill_run(study.write())
    # 2 + 1, 4 + 1 seconds cold, 10 and 20 ms warm, half a GB; the throttled request is free
    compute = 8.03 / 2 * 0.0000166667
    assert row(told, "slow", "512 MB", "x86_64", "on demand") == [
        "4",
        "4.015",
        f"${compute:.7f}",
        "$0",
        "$0.000000800",
        "$0",
    ]


def test_runs_are_rounded_up_to_100_ms_by_the_prices_of_2018(study: MadeRun) -> None:
    told = bill_run(study.write(), prices="2018")
    assert row(told, "slow", "512 MB", "x86_64", "on demand")[:2] == ["4", "1.1"]
    assert "prices of 2018-12" in told


def test_prices_are_those_of_the_runs_profile(study: MadeRun) -> None:
    assert "prices of 2018-12" in bill_run(study.write(profile="aws-2018"))


def test_architecture_and_tmp_have_their_own_prices(study: MadeRun) -> None:
    functions = {"slow": {"architecture": "arm64", "ephemeral_storage_mb": 1536}, "fast": {}}
    told = bill_run(study.write(functions=functions))
    compute, storage = row(told, "slow", "512 MB", "arm64", "on demand")[2:4]
    assert compute == f"${8.03 / 2 * 0.0000133334:.7f}"
    assert float(storage.lstrip("$")) == pytest.approx(8.03 * 0.0000000309, rel=0.01)


def test_what_could_not_be_bought_has_no_bill(
    study: MadeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = study.write(functions={"slow": {"architecture": "arm64"}})
    assert main(["bill", str(run), "--prices", "2018"]) == 2
    assert "arm64 has no price in the table of 2018-12" in capsys.readouterr().err


def test_provisioned_concurrency_is_billed_as_init_as_runs_and_as_held(made: MadeRun) -> None:
    made.deploy("f")
    key = "f:$LATEST"
    made.entries += [
        Entry(1.0, ProvisionedSet(key, 2), (StartSandbox(1, key, None),)),
        Entry(3.0, SandboxReady(1, Anatomy(connect=0.5, init=1.5)), ()),
        Entry(5.0, InvokeRequested("r", key), (Dispatch(1, "r", StartKind.PROVISIONED),)),
        Entry(6.0, InvocationFinished(1, "r"), ()),
        Entry(301.0, ProvisionedSet(key, 1), ()),
        Entry(302.0, ProvisionedSet(key, 0), ()),
    ]
    told = bill_run(made.write())
    # 2 s of init and 1 s of run; two for 300 s, and one for a second that counts as 300
    provisioned = row(told, "f", "512 MB", "x86_64", "provisioned")
    assert provisioned[:3] == ["1", "1.5", f"${1.5 * 0.0000097222:.7f}"]
    assert row(told, "f", "512 MB", "x86_64", "held")[:3] == [
        "0",
        "450",
        f"${450 * 0.0000041667:.5f}",
    ]


def test_provisioned_concurrency_that_nobody_ended_is_held_to_the_runs_end(made: MadeRun) -> None:
    made.deploy("f")
    made.entries.append(Entry(0.0, ProvisionedSet("f:$LATEST", 1), ()))
    made.throttled("r", "f", 601.0)
    assert row(bill_run(made.write()), "f", "512 MB", "x86_64", "held")[1] == "450"


def test_snapshot_is_billed_from_its_version_to_the_end_and_for_three_hours_at_least(
    made: MadeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    version = FunctionVersion("f", 512, 30.0, snapshot=True, version="1")
    short = replace(version, name="g")
    made.entries += [
        Entry(0.0, VersionDeployed(version), ()),
        Entry(1.0, VersionDeployed(short), ()),
        Entry(2.0, VersionRetired(short.key), ()),
    ]
    made.deploy("h")
    made.throttled("r", "h", 20_000.0)
    run = made.write()
    told = bill_run(run)
    kept = [row(told, name, "512 MB", "x86_64", "on demand")[-1] for name in ("f", "g")]
    dollars = [float(money.lstrip("$")) for money in kept]
    rate = 0.0000015046 / 2
    assert dollars == pytest.approx([20_000 * rate, 10_800 * rate], rel=0.01)
    assert main(["bill", str(run), "--prices", "2018"]) == 2
    assert "'a snapshot' has no price in the table of 2018-12" in capsys.readouterr().err


def test_price_of_api_gateway_is_told_besides(
    study: MadeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = study.write()
    plain, told = bill_run(run), bill_run(run, api=Api.REST)
    asked = 3.5e-6 * 7
    assert told == f"{plain}\nAPI Gateway (REST) besides, for 7 requests: ${asked:.7f}"
    assert main(["bill", str(run), "--api", "http", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["api_gateway_dollars"] == pytest.approx(7e-6)
    assert figures["dollars"] == bill_figures(run)["dollars"]
    assert main(["bill", str(run), "--prices", "2018", "--api", "HTTP"]) == 2
    assert "HTTP API has no price in the table of 2018-12" in capsys.readouterr().err


def test_free_tier_takes_a_small_run_away(study: MadeRun) -> None:
    run = study.write()
    assert "free tier" not in bill_run(run)
    told = bill_run(run, free_tier=True).splitlines()[-1]
    assert told == ("With a month's free tier (1,000,000 requests and 400,000 GB-s on demand): $0")


def test_cells_of_an_experiment_are_added_up(
    study: MadeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = study.write()
    whole = run.parent / "study"
    for name in ("one", "two"):
        cell = whole / "cells" / name
        cell.mkdir(parents=True)
        for file in run.iterdir():
            (cell / file.name).write_bytes(file.read_bytes())
    assert main(["bill", str(whole)]) == 0
    told = capsys.readouterr().out
    assert row(told, "slow", "512 MB", "x86_64", "on demand")[:2] == ["8", "8.03"]
    million = next(line for line in told.splitlines() if line.startswith("A million"))
    assert million in bill_run(run)


def test_folder_without_a_run_is_an_error(
    made: MadeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bill", str(made.path)]) == 2
    assert "is no run directory" in capsys.readouterr().err


def test_bill_for_a_script_has_the_sums_of_the_bill_for_people(
    study: MadeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bill", str(study.write()), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    charge = next(one for one in told["charges"] if one["function"] == "slow")
    assert (charge["memory_mb"], charge["kind"], charge["requests"]) == (512, "on demand", 4)
    assert charge["compute"] == pytest.approx(8.03 / 2 * 0.0000166667)
    parts = [one[part] for one in told["charges"] for part in ("compute", "storage", "request")]
    assert told["dollars"] == pytest.approx(sum(parts))


def test_a_run_that_misses_entries_says_so_wherever_its_sums_stand(study: MadeRun) -> None:
    run = study.write()
    assert "at least" not in bill_run(run)
    with (run / "journal.jsonl").open("a") as journal:
        journal.write('{"lost": 3, "since": 1700000008.0, "until": 1700000009.5}\n')
    told = bill_run(run, free_tier=True).splitlines()
    assert told[1].startswith("Incomplete: 3 journal entries from 8.0 s to 9.5 s of the run ")
    sums = [line for line in told if line.startswith(("In all", "With a month"))]
    assert len(sums) == 2
    assert all(": at least $" in line for line in sums)
    (sentence,) = bill_figures(run)["incomplete"]
    assert sentence in told[1]


def test_a_price_table_that_does_not_exist_is_named(study: MadeRun) -> None:
    with pytest.raises(SettingsError, match="--prices 1999 is none of 2018, 2025"):
        bill_run(study.write(), prices="1999")
