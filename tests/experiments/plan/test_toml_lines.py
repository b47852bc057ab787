from __future__ import annotations

import pytest

from emulator.experiments.plan.toml_lines import line_of

TEXT = '''\
name = "x"   # 1
note = """
seed = 9
"""
[axes]
memory_mb = [
  256,
]
[[scenario]]  # first
kind = "ramp"
[[scenario]]
kind = "idle"
[scenario.ping]
every_minutes = 3
[functions."a.b"]
path = "/x"
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 1),
        (("seed",), None),  # what looks like it stands in a text
        (("axes",), 5),
        (("axes", "memory_mb", 0), 6),
        (("scenario", 0, "kind"), 10),
        (("scenario", 1), 11),
        (("scenario", 1, "seconds"), 11),
        (("scenario", 1, "ping", "every_minutes"), 14),
        (("functions", "a.b", "path"), 16),
        (("nowhere", "at", "all"), None),
    ],
)
def test_line_is_that_of_the_value_or_of_what_is_around_it(
    path: tuple[str | int, ...], line: int | None
) -> None:
    assert line_of(TEXT, path) == line
