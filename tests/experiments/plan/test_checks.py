from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.plan.loader import load
from tests.experiments.plans import PLAN, faults, write_plan

if TYPE_CHECKING:
    from pathlib import Path


def test_a_function_that_reads_no_model_loading_cannot_vary_it(tmp_path: Path) -> None:
    text = PLAN.replace('"kdd99-numpy"', '"Echo"').replace("[axes]", '[axes]\nloading = "package"')
    assert faults(tmp_path, text) == [
        "axes.loading: Echo cannot load its model by package: it sets no MODEL_LOADING"
    ]


def test_a_ping_has_nothing_to_keep_where_nothing_is_kept(tmp_path: Path) -> None:
    text = PLAN.replace("[axes]", "[axes]\nkeep_alive = [0, 600]")
    text += "ping = {every_minutes = 5}\n"
    assert faults(tmp_path, text) == [
        "scenario ramp.ping: keeps nothing warm where axes.keep_alive is 0"
    ]


def test_private_page_caches_ask_for_root(tmp_path: Path) -> None:
    text = 'page_cache = ["hot", "private"]\n' + PLAN
    assert load(write_plan(tmp_path, text)).page_cache == ("hot", "private")
    assert faults(tmp_path, text, can_drop_caches=False) == [
        "page_cache: private asks for root, who alone may mount"
    ]


def test_lifetimes_that_are_a_rule_of_the_pool_leave_a_policy_nothing(tmp_path: Path) -> None:
    text = PLAN.replace("[axes]", '[axes]\nkeep_alive = ["aws-2018", "aws-2020"]')
    assert load(write_plan(tmp_path, text)).axes.keep_alive == ("aws-2018", "aws-2020")
    text = text.replace("[axes]", '[axes]\npolicy = ["lifetime", "lru"]')
    assert faults(tmp_path, text) == [
        "axes.policy: has nothing to decide where keep_alive is aws-2020, a pool's rule"
    ]


def test_a_policy_may_stand_in_a_file_beside_the_plan(tmp_path: Path) -> None:
    text = PLAN.replace("[axes]", '[axes]\npolicy = "mine.py:Mine:seconds=3"')
    assert faults(tmp_path, text) == [f"axes.policy: there is no file {tmp_path / 'mine.py'}"]
    (tmp_path / "mine.py").write_text(
        "from emulator.core.policies.fixed import Fixed\n\n\nclass Mine(Fixed):\n    pass\n"
    )
    assert load(write_plan(tmp_path, text)).axes.policy == (f"{tmp_path}/mine.py:Mine:seconds=3",)


def test_a_cold_page_cache_asks_for_root(tmp_path: Path) -> None:
    text = PLAN.replace('"ramp"\nusers = [1, 2]', '"constant"')
    assert load(write_plan(tmp_path, 'page_cache = "cold"\n' + text)).page_cache == ("cold",)
    assert faults(tmp_path, 'page_cache = "cold"\n' + text, can_drop_caches=False) == [
        "page_cache: cold asks for root, who alone may write /proc/sys/vm/drop_caches"
    ]
