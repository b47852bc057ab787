from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emulator.experiments.plan.cells import planned_cells
from emulator.experiments.plan.loader import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    App = Callable[[str], ModuleType]

ROOT = Path(__file__).parents[2]


def asked(**more: Any) -> dict[str, Any]:
    return {"body": json.dumps({"work": 1, "wait_s": 0, **more})}


def test_it_answers_unless_it_is_asked_to_fail(app: App) -> None:
    assert app("spin").handler(asked(), None)["statusCode"] == 200
    with pytest.raises(RuntimeError, match="failed by chance"):
        app("spin").handler(asked(fail=1), None)


def test_the_plan_of_events_asks_it_to_fail_now_and_then() -> None:
    plan = load(ROOT / "studies" / "events.toml")
    cells = planned_cells(plan)
    assert [cell.asynchronous for cell in cells] == [True, True]
    payload = plan.functions["spin"].payload
    assert payload is not None
    body = json.loads(json.loads(payload.read_text())["body"])
    assert body["fail"] == 0.1
