from __future__ import annotations

from dataclasses import replace

import pytest

from emulator.errors import SettingsError
from emulator.live.backends.docker.obstacles import (
    cell_obstacle,
    check_private_pages,
    snapshot_obstacle,
)
from tests.live.backends.docker.scripted_engine import BRIDGE


@pytest.mark.parametrize(
    ("local", "beside", "options", "why"),
    [
        (False, False, None, "another machine"),
        (True, True, None, "this process is in a container"),
        (True, False, ["name=rootless"], "rootless"),
    ],
)
def test_engine_that_does_not_see_our_mounts_is_refused_for_private_page_caches(
    local: bool, beside: bool, options: list[str] | None, why: str
) -> None:
    with pytest.raises(SettingsError, match=why):
        check_private_pages({"SecurityOptions": options}, local=local, beside=beside)
    check_private_pages({"SecurityOptions": ["name=seccomp"]}, local=True, beside=False)


def test_snapshots_need_our_own_bridge_and_the_engines_page_cache() -> None:
    assert not snapshot_obstacle(BRIDGE, enters=True, private=False)
    assert "only root" in snapshot_obstacle(BRIDGE, enters=False, private=False)
    named = replace(BRIDGE, network="mine")
    assert "network mine" in snapshot_obstacle(named, enters=True, private=False)
    assert "page cache" in snapshot_obstacle(BRIDGE, enters=True, private=True)


def test_stem_cells_need_the_engines_page_cache_and_its_machine() -> None:
    assert "--page-cache private" in cell_obstacle(controls=True, private=True)
    assert "only root" in cell_obstacle(controls=False, private=False)
