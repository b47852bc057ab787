from __future__ import annotations

import ast
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import pytest

from emulator.core.billing import billed_ms
from emulator.core.failure_bodies import failure_body
from emulator.core.model import Failure, StartKind
from emulator.core.profile import Feature, Profile, StreamPace
from emulator.core.profiles import PRICE_TABLES, PROFILES, profiles_in
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.profiles.aws_2026 import AWS_2026
from emulator.core.records import InvocationRecord, Status
from emulator.telemetry import log_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

THIRD = """
from dataclasses import replace

from emulator.core.profiles.aws_2025 import AWS_2025

LAMBDA_2020 = replace(
    AWS_2025,
    name="aws-2020",
    date="2020-12",
    prices=replace(AWS_2025.prices, name="2020", date="2020-12", init_billed=False),
    log_lines=replace(
        AWS_2025.log_lines,
        status=False,
        failure_before_end=False,
        exit=("RequestId: {request_id} Error: {reason}",),
    ),
    failure_bodies=replace(AWS_2025.failure_bodies, exit="{request_id} ended: {reason}"),
)
"""

REPORT = (
    "REPORT RequestId: r1\tDuration: 250.00 ms\tBilled Duration: 250 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 36 MB\t"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "found_profiles"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


def third(folder: Path) -> Profile:
    (folder / "aws_2020.py").write_text(THIRD)
    return profiles_in([str(folder)], "found_profiles")["aws-2020"]


def test_profiles_are_found_by_name_the_oldest_first() -> None:
    assert list(PROFILES.items()) == [
        ("aws-2018", AWS_2018),
        ("aws-2025", AWS_2025),
        ("aws-2026", AWS_2026),
    ]


def test_price_tables_are_found_by_name_the_oldest_first() -> None:
    assert list(PRICE_TABLES.items()) == [("2018", AWS_2018.prices), ("2025", AWS_2025.prices)]


def test_2026_is_2025_but_for_what_has_changed_since() -> None:
    changed = {
        field.name: getattr(AWS_2026, field.name)
        for field in fields(Profile)
        if getattr(AWS_2026, field.name) != getattr(AWS_2025, field.name)
    }
    added = {runtime.name for runtime in {*changed.pop("runtimes")} - {*AWS_2025.runtimes}}
    assert added == {
        *("nodejs26.x", "python3.15", "ruby4.0"),
        *("java8.al2023", "java11.al2023", "java17.al2023"),
    }
    assert changed == {
        "name": "aws-2026",
        "date": "2026-11",
        "max_timeout": 1800,
        "snapshots_of_images": True,
        "stream_pace": StreamPace(6_291_456, 2_097_152),
    }


@pytest.mark.parametrize("profile", PROFILES.values())
def test_runtimes_of_a_profile_are_ones_that_the_service_model_names(profile: Profile) -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    names = {runtime.name for runtime in profile.runtimes}
    assert names <= {*model.shape_for("Runtime").metadata["enum"]}


def test_third_profile_is_one_file(folder: Path) -> None:
    third(folder)
    # the one on which it builds is known by its own name as before
    assert dict(profiles_in([str(folder)], "found_profiles")) == {
        "aws-2020": third(folder),
        "aws-2025": AWS_2025,
    }


def test_third_profile_has_the_lines_bodies_prices_and_features_of_its_file(folder: Path) -> None:
    profile = third(folder)
    record = InvocationRecord(
        *("r1", "echo", "$LATEST", 128, 0.0, 0.5, Status.EXITED, StartKind.WARM, 1, 0.25, 0.0),
        max_memory_mb=36,
    )
    assert log_lines.closing(record, profile, "exit status 3", "<time>") == [
        "END RequestId: r1",
        REPORT,
        "RequestId: r1 Error: exit status 3",
    ]
    body = failure_body(profile, Failure.EXITED, "r1", 3.0, exit_code=3, timestamp="<time>")
    assert body == (
        b'{"errorType":"Runtime.ExitError",'
        b'"errorMessage":"r1 ended: Runtime exited with error: exit status 3"}'
    )
    assert billed_ms(profile.prices, 0.25, 1.0) == 250
    assert [feature for feature in Feature if profile.has(feature)] == [
        Feature.PROVISIONED_CONCURRENCY,
        Feature.INITIALIZATION_TYPE,
    ]


def test_two_profiles_of_one_name_are_refused(folder: Path) -> None:
    for module in ("first", "second"):
        (folder / f"{module}.py").write_text(THIRD)
    with pytest.raises(ValueError, match=r"found_profiles\.second defines a second aws-2020"):
        profiles_in([str(folder)], "found_profiles")


def named_profiles(source: str) -> list[int]:
    """Returns the lines that compare with a profile, or look something up by a profile's name."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        asked: list[ast.expr | None] = []
        if isinstance(node, ast.Compare):
            asked = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            asked = list(node.keys)
        elif isinstance(node, ast.MatchValue):
            asked = [node.value]
        lines += [each.lineno for each in asked if each is not None and names_profile(each)]
    return lines


def names_profile(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in PROFILES
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in {"AWS_2018", "AWS_2025", "AWS_2026"}


@pytest.mark.parametrize(
    "source",
    [
        "profile is AWS_2018",
        "profile == aws_2018.AWS_2018",
        "profile.name != 'aws-2018'",
        "FORMATS = {'aws-2018': 1}",
        "match profile.name:\n    case 'aws-2025': pass",
    ],
)
def test_code_that_asks_for_a_profiles_name_is_found(source: str) -> None:
    assert named_profiles(source)


def test_no_module_asks_for_a_profiles_name() -> None:
    emulator = Path(sys.modules[Profile.__module__].__file__ or "").parent.parent
    found = {
        str(path.relative_to(emulator)): lines
        for path in emulator.rglob("*.py")
        if (lines := named_profiles(path.read_text()))
    }
    assert found == {}
