from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from emulator.host.mounted_paths import mounted_paths

if TYPE_CHECKING:
    from pathlib import Path

_LINE = "36 35 98:0 {} /var/task ro,nosuid master:1 - ext4 /dev/root rw"


def process(proc: Path, pid: int, namespace: str, *roots: str) -> None:
    (proc / f"{pid}/ns").mkdir(parents=True)
    (proc / f"{pid}/ns/mnt").symlink_to(f"mnt:[{namespace}]")
    text = "".join(f"{_LINE.format(root)}\n" for root in roots)
    (proc / f"{pid}/mountinfo").write_text(text)


def test_paths_of_every_namespace_are_found(tmp_path: Path) -> None:
    process(tmp_path, 1, "1", "/")
    process(tmp_path, 20, "2", "/", "/state/files/ab12/task")
    (tmp_path / "sys").mkdir()
    (tmp_path / "33/ns").mkdir(parents=True)
    assert mounted_paths(tmp_path) == {"/", "/state/files/ab12/task"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts without a user namespace")
def test_folder_that_another_process_alone_sees_is_found(tmp_path: Path) -> None:
    source, target = tmp_path / "b7f3", tmp_path / "target"
    for folder in (source, target):
        folder.mkdir()
    words = f"mount --bind {source} {target} && echo seen && exec sleep 30"
    with subprocess.Popen(
        ["unshare", "-m", "sh", "-c", words], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        if other.stdout.readline() != "seen\n":
            pytest.skip("this machine lets nobody mount")
        before = mounted_paths()
        other.kill()
    assert any(path.endswith("/b7f3") for path in before)
    assert not any(path.endswith("/b7f3") for path in mounted_paths())
