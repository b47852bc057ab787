"""The counters of a JVM, by a file that a test wrote and by those of a real JVM."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest

from emulator.host.jvm_counters import JvmCounters, JvmWatch

BOUND = 120.0
"""Seconds that a JVM may take to tell of its collections."""
COUNTERS = {
    "sun.os.hrt.frequency": 1000,
    "sun.gc.generation.0.space.0.used": 5,
    "sun.gc.generation.1.space.0.used": 70,
    "sun.gc.metaspace.used": 900,
    "sun.gc.collector.0.invocations": 3,
    "sun.gc.collector.0.time": 1500,
    "sun.gc.collector.1.invocations": 1,
    "sun.gc.collector.1.time": 500,
    "sun.gc.collector.1.lastEntryTime": 77,
}
HELD = JvmCounters(heap=75, metaspace=900, collections=4, collecting=2.0)
SOURCE = """
public class Works {
    public static void main(String[] words) throws Exception {
        byte[][] kept = new byte[8][];
        for (int i = 0; i < 2000; i++) kept[i % 8] = new byte[1 << 20];
        System.out.println("done");
        System.in.read();
    }
}
"""


def counters_file(counters: dict[str, int]) -> bytes:
    entries = b""
    for name, value in counters.items():
        text = name.encode() + b"\0"
        text += bytes(-len(text) % 8 + 4)  # the value stands at a multiple of eight
        at = 20 + len(text)
        entries += struct.pack("<iii4Bi", at + 8, 20, 0, ord("J"), 0, 1, 3, at) + text
        entries += struct.pack("<q", value)
    head = struct.pack(">I4B", 0xCAFEC0C0, 1, 2, 0, 1)
    return head + struct.pack("<iiqii", 32 + len(entries), 0, 0, 32, len(counters)) + entries


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a process of the sandbox, here this one, would have its file."""
    opened = os.open

    def redirect(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        real = str(tmp_path) if str(path).endswith("/root") else path
        return opened(real, flags, dir_fd=dir_fd)

    monkeypatch.setattr("emulator.host.jvm_counters.os.open", redirect)
    made = tmp_path / "tmp" / "hsperfdata_someone"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def watch() -> JvmWatch:
    return JvmWatch(lambda: [os.getpid()])


def test_heap_metadata_and_collections_are_told(folder: Path, watch: JvmWatch) -> None:
    (folder / str(os.getpid())).write_bytes(counters_file(COUNTERS))
    assert watch.read() == HELD
    more = COUNTERS | {"sun.gc.collector.0.invocations": 5}
    (folder / str(os.getpid())).write_bytes(counters_file(more))
    found = watch.read()
    assert found is not None
    assert found.collections == 6
    watch.close()
    assert watch.read() is None


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"\xca\xfe",
        os.urandom(4096),
        counters_file({"java.cls.loadedClasses": 4}),
        counters_file(COUNTERS)[:200],
        counters_file(COUNTERS).replace(b"\x01\x02\x00\x01", b"\x00\x02\x00\x01", 1),
        counters_file(COUNTERS)[:32] + bytes(4000),
    ],
    ids=["empty", "short", "random", "others", "cut", "big-endian", "zeros"],
)
def test_file_that_is_no_jvms_tells_nothing(folder: Path, watch: JvmWatch, written: bytes) -> None:
    before = descriptors()
    (folder / str(os.getpid())).write_bytes(written)
    assert [watch.read() for _ in range(5)] == [None] * 5
    assert descriptors() == before


def test_links_and_pipes_of_a_function_are_not_followed(
    folder: Path, watch: JvmWatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(counters_file(COUNTERS))
    (folder / str(os.getpid())).symlink_to(secret)
    assert watch.read() is None
    (folder / str(os.getpid())).unlink()
    os.mkfifo(folder / str(os.getpid()))
    assert watch.read() is None  # and does not wait for a writer
    shutil.rmtree(folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / str(os.getpid())).write_bytes(counters_file(COUNTERS))
    folder.symlink_to(elsewhere)
    assert watch.read() is None


def test_sandbox_without_a_jvm_is_looked_at_three_times_and_again_after_a_restart(
    folder: Path, watch: JvmWatch
) -> None:
    assert [watch.read() for _ in range(3)] == [None] * 3
    (folder / str(os.getpid())).write_bytes(counters_file(COUNTERS))
    assert watch.read() is None
    watch.restarted()
    assert watch.read() == HELD
    watch.close()


@pytest.mark.skipif(not shutil.which("javac"), reason="no javac")
def test_real_jvm_tells_of_its_collections(tmp_path: Path) -> None:
    (tmp_path / "Works.java").write_text(SOURCE)
    subprocess.run(["javac", "-d", tmp_path, tmp_path / "Works.java"], check=True, timeout=BOUND)
    command = ["java", "-Xmx64m", "-XX:+UseSerialGC", "-cp", str(tmp_path), "Works"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as jvm:
        try:
            assert jvm.stdout is not None
            assert jvm.stdout.readline() == b"done\n"
            watch, deadline = JvmWatch(lambda: [jvm.pid]), time.monotonic() + BOUND
            while (found := watch.read()) is None and time.monotonic() < deadline:
                watch.restarted()
            assert found is not None
            assert found.collections > 10, "2,000 MB went through a heap of 64"
            assert 0 < found.heap <= 64 << 20
            assert found.metaspace > 0
            assert 0 < found.collecting < BOUND
            watch.close()
        finally:
            jvm.kill()
