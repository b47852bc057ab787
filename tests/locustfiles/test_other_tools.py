"""The ramp of JMeter and of Taurus is the one of ramp.py."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import yaml

ROOT = Path(__file__).parents[2]
STEPS = (3, 6, 9, 9, 18)


def test_jmeters_thread_groups_add_up_to_the_steps() -> None:
    plan = ET.parse(ROOT / "locustfiles" / "ramp.jmx")  # our own file
    users = [0] * len(STEPS)
    for group in plan.iter("ThreadGroup"):
        value = {prop.get("name"): prop.text or "" for prop in group.iter("stringProp")}
        begin, lasts = (
            int(re.findall(r"\* (\d)\)", value[f"ThreadGroup.{name}"])[0])
            for name in ("delay", "duration")
        )
        assert begin + lasts == len(STEPS), "all stop together"
        for step in range(begin, len(STEPS)):
            users[step] += int(value["ThreadGroup.num_threads"])
    assert tuple(users) == STEPS


def test_taurus_runs_ramp_py_with_the_steps() -> None:
    content = yaml.safe_load((ROOT / "locustfiles" / "taurus.yml").read_text())
    assert content["scenarios"]["ramp"]["script"] == "ramp.py"
    assert content["settings"]["env"]["RAMP_USERS"] == ",".join(map(str, STEPS))
