from __future__ import annotations

import random
from typing import TYPE_CHECKING

from emulator.sim.traces import azure2019, azure2021, synthesis
from emulator.sim.traces.trace import Call, Trace, TracedFunction, kept, spread

if TYPE_CHECKING:
    from pathlib import Path


def trace(number: int = 100) -> Trace:
    calls = [Call(float(at), "even" if at % 2 == 0 else "odd", 1.0) for at in range(number)]
    names = ("even", "odd", "unused")
    return Trace({name: TracedFunction(name) for name in names}, kept(calls))


def drawn(made: Trace, seed: int = 1) -> list[Call]:
    return list(made.draw(random.Random(seed)))


def test_window_begins_at_its_first_second_and_ends_before_its_last() -> None:
    assert [call.at for call in drawn(trace().window(10.0, 13.0))] == [0.0, 1.0, 2.0]


def test_sample_keeps_all_calls_of_its_functions_and_no_others() -> None:
    sample = trace().sample(1, random.Random(3))
    (name,) = sample.functions
    assert {call.function for call in drawn(sample)} <= {name}
    assert set(trace().sample(9, random.Random(3)).functions) == {"even", "odd", "unused"}


def test_every_function_has_the_same_chance_to_be_sampled() -> None:
    kept = {next(iter(trace().sample(1, random.Random(seed)).functions)) for seed in range(20)}
    assert kept == {"even", "odd", "unused"}


def test_scale_multiplies_calls_and_leaves_their_times() -> None:
    doubled = drawn(trace().scale(2.0))
    assert len(doubled) == 200
    assert doubled[0] == doubled[1]
    halved = drawn(trace(1000).scale(0.5))
    assert 440 < len(halved) < 560
    assert {call.at for call in halved} <= {float(at) for at in range(1000)}


def test_calls_are_counted_without_being_drawn(tmp_path: Path) -> None:
    for line in synthesis.azure2021(50, 5, 60.0, random.Random(1)):
        with (tmp_path / "t.csv").open("a") as file:
            file.write(line + "\n")
    day = tmp_path / "day"
    day.mkdir()
    files = synthesis.azure2019(5, 20.0, random.Random(1))
    for name, lines in zip(("invocations", "durations", "memory"), files, strict=True):
        (day / f"{name}.csv").write_text("\n".join(lines) + "\n")
    for trace in azure2021.read(tmp_path / "t.csv"), azure2019.read(day):
        for name in trace.functions:
            assert trace.count([name]) == len(drawn(trace.only([name])))


def test_counts_are_spread_over_their_stretch_in_order() -> None:
    calls = spread({"a": 30, "b": 3}, 60.0, 60.0, random.Random(1))
    assert calls == sorted(calls, key=lambda call: call.at)
    assert [sum(call.function == name for call in calls) for name in "ab"] == [30, 3]
    assert all(60.0 <= call.at < 120.0 for call in calls)
