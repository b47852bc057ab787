from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.profiles import PROFILES
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025

if TYPE_CHECKING:
    from emulator.core.profile import Profile


def flags(profile: Profile, runtime: str, memory_mb: int) -> tuple[str, ...]:
    found = profile.runtime(runtime)
    assert found is not None
    assert found.jvm is not None
    return found.jvm.at(memory_mb)


@pytest.mark.parametrize(
    ("memory_mb", "heap", "metaspace", "code_cache"),
    [(256, 222823, 26214, 13107), (1536, 1336935, 157286, 78643), (3008, 2834432, 163840, 81920)],
)
def test_java8_of_2018_has_the_flags_that_were_read_off_lambda(
    memory_mb: int, heap: int, metaspace: int, code_cache: int
) -> None:
    assert flags(AWS_2018, "java8", memory_mb) == (
        f"-XX:MaxHeapSize={heap}k",
        f"-XX:MaxMetaspaceSize={metaspace}k",
        f"-XX:ReservedCodeCacheSize={code_cache}k",
        "-XX:+UseSerialGC",
        "-Xshare:on",
        "-XX:-TieredCompilation",
        "-Djava.net.preferIPv4Stack=true",
    )


def test_java21_has_the_quick_compiler_and_no_limit_but_the_heaps() -> None:
    assert flags(AWS_2025, "java21", 3008) == (
        "-XX:MaxHeapSize=2834432k",
        "-XX:+UseSerialGC",
        "-XX:+TieredCompilation",
        "-XX:TieredStopAtLevel=1",
        "-Djava.net.preferIPv4Stack=true",
    )


@pytest.mark.parametrize("runtime", ["java8", "python2.7", "python3.6"])
def test_runtimes_of_2018_are_gone_today(runtime: str) -> None:
    assert AWS_2018.runtime(runtime) is not None
    assert AWS_2025.runtime(runtime) is None


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_flags_are_known_of_java_alone(profile: Profile) -> None:
    assert len({runtime.name for runtime in profile.runtimes}) == len(profile.runtimes)
    for runtime in profile.runtimes:
        assert (runtime.jvm is not None) == runtime.name.startswith("java")
