from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.records import Status
from emulator.errors import RunDirectoryError
from emulator.experiments.records.run_directory import Request, join, read_run

if TYPE_CHECKING:
    from tests.experiments.conftest import MadeRun


def test_what_was_written_is_read_back(study: MadeRun) -> None:
    run = read_run(study.write())
    assert run.info.profile == "aws-2025"
    assert run.info.backend == "process"
    assert run.info.unenforced == ("CPU shares are not limited.",)
    assert run.info.seed == 7
    assert [record.invocation for record in run.invocations] == [
        "f1", "s1", "s2", "s4", "f2", "s5", "s3",
    ]  # fmt: skip
    assert [sandbox.id for sandbox in run.sandboxes] == [1, 3, 4, 2]
    assert list(run.clients) == study.rows
    assert run.notes == run.missing == ()


@pytest.mark.parametrize("name", ["run.json", "journal.jsonl"])
def test_a_folder_without_its_file_is_no_run_directory(study: MadeRun, name: str) -> None:
    path = study.write()
    (path / name).unlink()
    with pytest.raises(RunDirectoryError, match=f"no run directory: {name} is missing"):
        read_run(path)


def test_a_run_without_clients_says_whose_latencies_it_has(made: MadeRun) -> None:
    assert read_run(made.write()).notes == (
        "No client wrote rows; latencies are the emulator's own.",
    )


def test_the_facts_of_a_run_are_named_where_they_are_missing(study: MadeRun) -> None:
    path = study.write()
    (path / "run.json").write_text('{"name": "x"}')
    with pytest.raises(RunDirectoryError, match=r"run\.json has no 'started_at'"):
        read_run(path)


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "x", "started_at": "noon"}'])
def test_damaged_facts_are_an_error(study: MadeRun, text: str) -> None:
    path = study.write()
    (path / "run.json").write_text(text)
    with pytest.raises(RunDirectoryError, match=r"run\.json is damaged"):
        read_run(path)


@pytest.mark.parametrize("name", ["journal.jsonl", "clients.csv"])
def test_a_last_line_cut_short_by_a_kill_is_left_out_and_told(study: MadeRun, name: str) -> None:
    path = study.write()
    whole = read_run(path)
    with (path / name).open("a") as file:
        file.write((path / name).read_text().splitlines()[-1][:-4])
    run = read_run(path)
    assert run.invocations == whole.invocations
    assert run.clients == whole.clients
    assert run.missing == (f"The last line of {name} was cut short and is left out.",)


@pytest.mark.parametrize("name", ["journal.jsonl", "clients.csv"])
@pytest.mark.parametrize("damage", ["", '{"at": 1.0,', 'a,"b', "\0"])
def test_damage_in_between_is_an_error_that_names_the_line(
    study: MadeRun, name: str, damage: str
) -> None:
    path = study.write()
    lines = (path / name).read_text().splitlines()
    lines[2] = damage
    (path / name).write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(RunDirectoryError, match=f"{name}, line 3: "):
        read_run(path)


def test_answers_that_the_journal_knows_nothing_of_are_missing(study: MadeRun) -> None:
    study.entries = [entry for entry in study.entries if not 5.55 < entry.at < 6]
    run = read_run(study.write())
    (told,) = run.missing
    assert told.startswith("1 requests that sandboxes answered are not in the journal")


def test_a_journal_without_its_beginning_is_an_error(study: MadeRun) -> None:
    del study.entries[:2]
    with pytest.raises(RunDirectoryError, match="its beginning is missing"):
        read_run(study.write())


def test_invocations_that_had_not_ended_are_told(study: MadeRun) -> None:
    study.entries = [entry for entry in study.entries if entry.at < 9]
    assert read_run(study.write()).notes == ("1 invocations had not ended.",)


def test_client_rows_join_their_invocations_on_the_request_id(study: MadeRun) -> None:
    run = read_run(study.write())
    joined = join(run)
    records = {record.invocation: record for record in run.invocations}
    assert joined[:2] == [
        Request("slow", run.clients[0], records["s1"], (records["s1"],)),
        Request("slow", run.clients[1], records["s2"], (records["s2"],)),
    ]
    assert joined[4].record is not None
    assert joined[4].record.status is Status.THROTTLED
    assert joined[5:] == [
        Request("fast", None, records["f1"], (records["f1"],)),
        Request("fast", None, records["f2"], (records["f2"],)),
    ]


def test_a_request_that_became_no_invocation_counts_for_its_path(study: MadeRun) -> None:
    study.seen("", 6.0, 1.0, status=0, error="no answer")
    study.seen("x", 6.5, 1.0, status=404, error="status 404", path="/nowhere")
    run = read_run(study.write())
    assert [(r.function, r.record) for r in join(run)[5:7]] == [("slow", None), ("/nowhere", None)]
