"""What is set for asynchronous events, read from the documents of the control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from emulator.core.asynchronous.rules import EventSettings
from emulator.core.function_names import Scope
from emulator.live.functions.invoker import FunctionInvoker
from emulator.live.store.database import Database
from emulator.live.store.resources import RESOURCES, Key, Kind, Resources

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
QUEUE, TOPIC = "arn:aws:sqs:us-east-1:123456789012:q", "arn:aws:sns:us-east-1:123456789012:t"
CONFIG = {
    "MaximumRetryAttempts": 1,
    "MaximumEventAgeInSeconds": 60,
    "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
}


async def settings(folder: Path, arn: str, *documents: tuple[Kind, str, Any]) -> EventSettings:
    database = Database(folder / "state.db", [RESOURCES])
    try:
        resources = await Resources.open(database)
        await resources.change({Key(Scope(), kind, "f", q): each for kind, q, each in documents})
        unused = cast("Any", None)
        return FunctionInvoker(unused, unused, resources).settings(arn)
    finally:
        database.close()


async def test_function_without_settings_has_the_rules_own(tmp_path: Path) -> None:
    assert await settings(tmp_path, ARN) == EventSettings()


@pytest.mark.parametrize(
    ("qualifier", "arn"),
    [("$LATEST", ARN), ("$LATEST", f"{ARN}:$LATEST"), ("live", f"{ARN}:live"), ("3", f"{ARN}:3")],
)
async def test_settings_are_those_of_the_name_that_was_asked_for(
    tmp_path: Path, qualifier: str, arn: str
) -> None:
    others = [each for each in ("$LATEST", "live", "3") if each != qualifier]
    found = await settings(
        tmp_path,
        arn,
        (Kind.EVENT_INVOKE_CONFIG, qualifier, CONFIG),
        *((Kind.EVENT_INVOKE_CONFIG, other, {"MaximumRetryAttempts": 0}) for other in others),
    )
    assert found == EventSettings(1, 60, on_failure=QUEUE)


async def test_dead_letters_are_those_of_the_version_that_an_alias_names(tmp_path: Path) -> None:
    version = {"members": {"DeadLetterConfig": {"TargetArn": TOPIC}}}
    documents = ((Kind.VERSION, "3", version), (Kind.ALIAS, "live", {"version": "3"}))
    assert (await settings(tmp_path, f"{ARN}:live", *documents)).dead_letters == TOPIC
    assert (await settings(tmp_path, f"{ARN}:3", *documents)).dead_letters == TOPIC
    assert (await settings(tmp_path, ARN, *documents)).dead_letters == ""


async def test_loops_and_a_reservation_of_none_are_the_functions(tmp_path: Path) -> None:
    found = await settings(
        tmp_path,
        f"{ARN}:3",
        (Kind.RECURSION, "", {"RecursiveLoop": "Allow"}),
        (Kind.CONCURRENCY, "", {"ReservedConcurrentExecutions": 0}),
    )
    assert found == EventSettings(barred=True, allows_loops=True)


@pytest.mark.parametrize("arn", [f"{ARN}:3", f"{ARN}:live"])
async def test_role_is_the_versions_that_is_asked_for(tmp_path: Path, arn: str) -> None:
    database = Database(tmp_path / "state.db", [RESOURCES])
    role = {"members": {"Role": "arn:aws:iam::123456789012:role/r"}}
    documents: Any = {(Kind.VERSION, "3"): role, (Kind.ALIAS, "live"): {"version": "3"}}
    try:
        resources = await Resources.open(database)
        await resources.change(
            {Key(Scope(), kind, "f", q): d for (kind, q), d in documents.items()}
        )
        unused = cast("Any", None)
        found = FunctionInvoker(unused, unused, resources).role(arn)
    finally:
        database.close()
    assert found == "arn:aws:iam::123456789012:role/r"
