"""Both interfaces by the files they read and write, and the kernel's own where it lets us."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from emulator.host.cgroup import DEFAULT_ROOT
from emulator.host.cgroup_membership import find
from emulator.host.cgroup_tree import JOIN, CgroupTree, find_tree
from emulator.host.cgroup_v1 import CgroupV1, v1_mounts
from emulator.host.cgroup_v2 import CgroupV2
from tests.host.quick import assert_quick

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOUND = 60.0
"""Seconds that any one wait may take."""
V2_FILES = {
    "cgroup.controllers": "cpuset cpu io memory pids\n",
    "cgroup.freeze": "0",
    "cgroup.procs": "",
    "cpu.max": "",
    "memory.max": "",
    "memory.swap.max": "",
    "pids.max": "",
    "memory.stat": "anon 1048577\nfile 99999999\nanon_thp 5\n",
    "memory.events": "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n",
    "cpu.stat": "usage_usec 2500000\nnr_periods 50\nnr_throttled 21\nthrottled_usec 1500000\n",
}
V1_FILES = {
    "cpu,cpuacct": {
        "cpu.cfs_quota_us": "",
        "cpu.cfs_period_us": "",
        "cpu.stat": "nr_periods 50\nnr_throttled 21\nthrottled_time 1500000000\n",
        "cpuacct.usage": "2500000000\n",
    },
    "memory": {
        "memory.swappiness": "",
        "memory.limit_in_bytes": "",
        "memory.memsw.limit_in_bytes": "",
        "memory.stat": "rss 7\ninactive_anon 3\ntotal_cache 99999999\ntotal_rss 1048577\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    },
    "freezer": {"freezer.state": ""},
    "pids": {"pids.max": ""},
}


def made_v2(root: Path) -> CgroupV2:
    root.mkdir(exist_ok=True)
    for name, text in V2_FILES.items():
        (root / name).write_text(text)
    return CgroupV2(root)


def made_v1(root: Path, relative: str = "some/cgroup") -> CgroupV1:
    for mount, files in V1_FILES.items():
        folder = root / mount / relative
        folder.mkdir(parents=True)
        (root / mount / "cgroup.procs").write_text("")
        for name, text in {"cgroup.procs": "", **files}.items():
            (folder / name).write_text(text)
    return CgroupV1(root, f"/{relative}")


@pytest.fixture(params=["v1", "v2"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> CgroupV1 | CgroupV2:
    """A cgroup of plain files, which shows what is written and reads what they say."""
    return made_v1(tmp_path) if request.param == "v1" else made_v2(tmp_path)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.rglob("*.*") if path.is_file()}


def test_every_controller_is_found(written: CgroupV1 | CgroupV2) -> None:
    assert written.controllers - {"cpuacct"} == {"cpu", "memory", "pids", "freezer"}


def test_figures_are_read_in_mebibytes_and_seconds(written: CgroupV1 | CgroupV2) -> None:
    assert written.max_anon_mb() == 2
    memory = written.memory()
    assert memory is not None
    assert (memory.anonymous, memory.cache) == (1048577, 99999999)
    assert written.oom_kills() == 2
    assert written.throttled() == (21, 1.5)
    assert written.cpu_seconds() == 2.5


def test_v2_limits_are_written_in_its_own_words(tmp_path: Path) -> None:
    cgroup = made_v2(tmp_path)
    cgroup.limit_memory(128)
    cgroup.limit_cpu(1447, 20000)
    cgroup.limit_pids(1024)
    cgroup.freeze()
    found = contents(tmp_path)
    assert found["memory.max"] == str(128 << 20)
    assert found["memory.swap.max"] == "0"
    assert found["cpu.max"] == "1447 20000"
    assert found["pids.max"] == "1024"
    assert found["cgroup.freeze"] == "1"
    cgroup.thaw()
    cgroup.lift_cpu()
    found = contents(tmp_path)
    assert found["cgroup.freeze"] == "0"
    assert found["cpu.max"].startswith("max")


def test_v1_limits_are_written_in_its_own_words(tmp_path: Path) -> None:
    cgroup = made_v1(tmp_path)
    cgroup.limit_memory(128)
    cgroup.limit_cpu(1447, 20000)
    cgroup.limit_pids(1024)
    cgroup.freeze()
    found = contents(tmp_path)
    assert found["memory.limit_in_bytes"] == str(128 << 20)
    assert found["memory.memsw.limit_in_bytes"] == str(128 << 20)
    assert found["memory.swappiness"] == "0"
    assert (found["cpu.cfs_quota_us"], found["cpu.cfs_period_us"]) == ("1447", "20000")
    assert found["pids.max"] == "1024"
    assert found["freezer.state"] == "FROZEN"
    cgroup.thaw()
    cgroup.lift_cpu()
    found = contents(tmp_path)
    assert found["freezer.state"] == "THAWED"
    assert found["cpu.cfs_quota_us"].startswith("-1")


def test_v1_controllers_may_have_paths_of_their_own(tmp_path: Path) -> None:
    made_v1(tmp_path, "one")
    cgroup = CgroupV1(tmp_path, {"memory": "/one", "cpu": "/elsewhere"})
    assert cgroup.controllers == {"memory"}


def test_peak_stays_when_memory_is_given_back(tmp_path: Path) -> None:
    cgroup = made_v2(tmp_path)
    (tmp_path / "memory.stat").write_text(f"anon {50 << 20}\n")
    assert cgroup.max_anon_mb() == 50
    (tmp_path / "memory.stat").write_text("anon 4096\n")
    assert cgroup.max_anon_mb() == 50


def test_cgroup_that_is_gone_does_nothing_and_reads_as_zero(tmp_path: Path) -> None:
    for cgroup in (CgroupV2(tmp_path / "gone"), CgroupV1(tmp_path, "gone")):
        cgroup.freeze()
        cgroup.thaw()
        cgroup.limit_cpu(1000, 20000)
        cgroup.limit_memory(128)
        cgroup.kill()
        assert (cgroup.max_anon_mb(), cgroup.oom_kills(), cgroup.throttled()) == (0, 0, (0, 0.0))
        assert cgroup.pids() == []
        assert cgroup.remove()


def test_no_cgroup_is_found_of_a_process_that_is_not_there() -> None:
    assert find(2**22 + 1) is None


# the kernel's own


class Member:
    """A Python in a cgroup that answers each line."""

    def __init__(self, cgroup: CgroupV1 | CgroupV2, code: str = "") -> None:
        answer = "import sys\nfor line in sys.stdin: print(line.strip(), flush=True)"
        command = ["/bin/sh", "-c", f'{JOIN}; exec "$0" -S -c "$CODE"', sys.executable]
        self.process = subprocess.Popen(
            [*command, *map(str, cgroup.join_files)],
            env={"CODE": code or answer},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def ask(self, line: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + b"\n")

    def answer(self, patience: float = BOUND) -> bytes:
        """What it says within `patience` s; nothing is an answer too."""
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], patience)
        return os.read(self.process.stdout.fileno(), 100).strip() if ready else b""

    def close(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=BOUND)


@pytest.fixture
def tree() -> Iterator[CgroupTree]:
    found = find_tree(DEFAULT_ROOT, f"test-{os.getpid()}")
    if found is None:
        pytest.skip("no cgroup can be written here")
    yield found
    found.reap()
    found.remove()


@pytest.fixture(params=["any", "unified"])
def cgroup(request: pytest.FixtureRequest) -> Iterator[CgroupV1 | CgroupV2]:
    """What the machine has, and the controller-less v2 tree that stands beside v1."""
    root = DEFAULT_ROOT / "unified" if request.param == "unified" else DEFAULT_ROOT
    if request.param == "unified" and not (root / "cgroup.procs").exists():
        pytest.skip("there is no cgroup v2 beside v1 here")
    found = find_tree(root, f"test-{os.getpid()}")
    if found is None or "freezer" not in found.controllers:
        pytest.skip("no cgroup can be written here")
    yield found.create("one")
    found.reap()
    found.remove()


def needs(tree: CgroupTree, controller: str) -> None:
    if controller not in tree.controllers:
        pytest.skip(f"no {controller} cgroup can be written here")


def test_frozen_process_answers_when_it_is_thawed(cgroup: CgroupV1 | CgroupV2) -> None:
    member = Member(cgroup)
    member.ask(b"one")
    assert member.answer() == b"one"
    cgroup.freeze()
    member.ask(b"two")
    assert member.answer(patience=0.1) == b""
    cgroup.thaw()
    assert member.answer() == b"two"
    member.close()


def test_frozen_process_can_be_killed(cgroup: CgroupV1 | CgroupV2) -> None:
    member = Member(cgroup)
    member.ask(b"one")
    assert member.answer() == b"one"
    cgroup.freeze()
    cgroup.kill()
    assert member.process.wait(BOUND) == -9
    assert removed(cgroup)
    member.close()


def removed(cgroup: CgroupV1 | CgroupV2) -> bool:
    deadline = time.monotonic() + BOUND
    while not cgroup.remove():
        if time.monotonic() > deadline:
            return False
    return True


def test_cgroup_with_a_process_is_not_removed(cgroup: CgroupV1 | CgroupV2) -> None:
    member = Member(cgroup)
    member.ask(b"one")
    assert member.answer() == b"one"
    assert cgroup.pids() == [member.process.pid]
    assert not cgroup.remove()
    member.close()
    assert removed(cgroup)


def test_find_gives_the_cgroup_that_a_process_is_in(tree: CgroupTree) -> None:
    made = tree.create("one")
    member = Member(made)
    member.ask(b"one")
    assert member.answer() == b"one"
    found = find(member.process.pid)
    assert found is not None
    assert found.join_files == made.join_files
    member.close()


def test_process_over_the_memory_limit_is_killed_and_counted(tree: CgroupTree) -> None:
    needs(tree, "memory")
    cgroup = tree.create("one")
    cgroup.limit_memory(64)
    member = Member(cgroup, "held = [bytearray(1 << 20) for _ in range(200)]")
    assert member.process.wait(BOUND) == -9
    assert cgroup.oom_kills() == 1
    member.close()


def test_anonymous_memory_counts_and_cached_files_do_not(tree: CgroupTree, tmp_path: Path) -> None:
    needs(tree, "memory")
    cgroup = tree.create("one")
    file = tmp_path / "file"
    code = f"""
held = bytearray(b"x" * (40 << 20))
with open({str(file)!r}, "wb") as file: file.write(memoryview(held)[:30 << 20])
with open({str(file)!r}, "rb") as file: [0 for _ in iter(lambda: file.read(1 << 20), b"")]
print("done", flush=True)
input()
"""
    member = Member(cgroup, code)
    assert member.answer() == b"done"
    assert 40 <= cgroup.max_anon_mb() < 60
    member.close()
    assert cgroup.max_anon_mb() >= 40


def test_memory_that_a_child_used_and_freed_is_in_the_peak(tree: CgroupTree) -> None:
    needs(tree, "memory")
    if isinstance(one := tree.create("one"), CgroupV2) and not has_peak(one):
        pytest.skip("this kernel keeps no peak of a cgroup's memory (Linux 5.19)")
    code = """
import subprocess, sys
eat = "x = bytearray(b'x') * (100 << 20)"
print("ready", flush=True)
input()
subprocess.run([sys.executable, "-S", "-c", eat])
print("done", flush=True)
input()
"""
    member = Member(one, code)
    assert member.answer() == b"ready"
    assert one.max_anon_mb() < 30
    member.ask(b"")
    assert member.answer() == b"done"
    assert 100 <= one.max_anon_mb() < 130
    member.close()


def has_peak(cgroup: CgroupV2) -> bool:
    return (cgroup.join_files[0].parent / "memory.peak").exists()


def test_reading_a_cgroup_is_cheap_enough_for_every_request(tree: CgroupTree) -> None:
    needs(tree, "memory")
    one = tree.create("one")
    member = Member(one)
    member.ask(b"one")
    assert member.answer() == b"one"
    assert one.max_anon_mb() > 0
    assert_quick(one.max_anon_mb)
    member.close()


def test_cpu_share_is_kept_and_throttling_counted(tree: CgroupTree) -> None:
    needs(tree, "cpu")
    cgroup = tree.create("one")
    cgroup.limit_cpu(4000, 20000)
    code = """
import time
begun, used = time.perf_counter(), time.process_time()
while time.process_time() - used < .1: pass
print(time.perf_counter() - begun)
"""
    member = Member(cgroup, code)
    assert float(member.answer()) > 0.25
    count, seconds = cgroup.throttled()
    assert count > 5
    assert seconds > 0.02, "0.4 on a machine that does nothing else"
    member.close()


def test_orphans_of_the_instance_are_reaped_and_no_others(tree: CgroupTree) -> None:
    own, sleeper, other = Member(tree.create("one")), None, None
    own.ask(b"one")
    assert own.answer() == b"one"  # and is in its cgroup
    other_tree = find_tree(DEFAULT_ROOT, f"test-other-{os.getpid()}")
    assert other_tree is not None
    try:
        frozen = tree.create("two")
        sleeper = Member(frozen)
        sleeper.ask(b"one")
        assert sleeper.answer() == b"one"
        frozen.freeze()
        other = Member(other_tree.create("one"))
        again = find_tree(DEFAULT_ROOT, f"test-{os.getpid()}")
        assert again is not None
        assert own.process.wait(BOUND) == -9
        assert sleeper.process.wait(BOUND) == -9
        other.ask(b"alive")
        assert other.answer() == b"alive"
        left = {path.name for base in again.bases for path in base.iterdir() if path.is_dir()}
        assert left == {again.keeper}
    finally:
        for member in filter(None, (own, sleeper, other)):
            member.close()
        other_tree.reap()
        other_tree.remove()


def test_late_guard_of_a_killed_emulator_takes_no_folder_of_the_next_one(
    tree: CgroupTree,
) -> None:
    for base in tree.bases:
        with pytest.raises(OSError, match=r"not empty|busy"):
            base.rmdir()  # as guard.sh does a second after the kill, whoever came meanwhile
    Member(tree.create("one")).close()


def test_nothing_is_left_of_a_tree_that_is_removed(tree: CgroupTree) -> None:
    Member(tree.create("one")).close()
    tree.reap()
    tree.remove()
    assert [base for base in tree.bases if base.exists()] == []


def test_no_tree_where_no_cgroup_can_be_written(tmp_path: Path) -> None:
    assert v1_mounts(tmp_path) == {}
    assert find_tree(tmp_path / "nothing", "any") is None
