from __future__ import annotations

import random

import pytest

from emulator.core.policy import ScaleOut
from emulator.core.profile import Feature, Profile
from emulator.core.profiles import PROFILES
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025


@pytest.mark.parametrize(
    ("memory_mb", "quota_us"), [(128, 1447), (256, 2894), (512, 5789), (1024, 11577)]
)
def test_cpu_quota_is_what_was_measured_on_aws(memory_mb: int, quota_us: int) -> None:
    """Source: the EuroSys'26 artifact of arXiv 2506.01283."""
    assert AWS_2025.cpu_quota_us(memory_mb) == quota_us


def test_cpu_quota_is_never_below_the_kernels_least() -> None:
    assert AWS_2025.cpu_quota_us(64) == 1000


@pytest.mark.parametrize(("profile", "memory_mb"), [(AWS_2018, 1792), (AWS_2025, 1769)])
def test_one_vcpu_is_reached_at_the_documented_memory(profile: Profile, memory_mb: int) -> None:
    assert profile.vcpus(memory_mb) == 1.0
    assert profile.vcpus(2 * memory_mb) == 2.0
    assert profile.cpu_quota_us(memory_mb) == profile.cpu_period_us


@pytest.mark.parametrize("profile", PROFILES.values())
def test_memory_grid_ends_on_its_steps(profile: Profile) -> None:
    assert profile.least_memory_mb == 128
    assert profile.most_memory_mb % profile.memory_step_mb == 0
    assert profile.least_memory_mb % profile.memory_step_mb == 0


@pytest.mark.parametrize(
    ("profile", "shares"),
    [
        (AWS_2018, {1620: 1.0, 1740: 0.9, 2640: 0.5, 3540: 0.1, 3900: 0.0}),
        (AWS_2025, {180: 1.0, 240: 0.99, 270: 0.97, 300: 0.92, 315: 0.57, 330: 0.32, 360: 0.0}),
    ],
)
def test_idle_lifetimes_fall_as_measured(profile: Profile, shares: dict[int, float]) -> None:
    chance = random.Random(1)
    drawn = [profile.keep_alive.draw(chance) for _ in range(20_000)]
    for at, share in shares.items():
        alive = sum(lifetime > at for lifetime in drawn) / len(drawn)
        assert alive == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(
    ("memory_mb", "cpus"),
    [
        *((128, 2), (3008, 2), (3009, 3), (5307, 3), (5308, 4), (7076, 4)),
        *((7077, 5), (8845, 5), (8846, 6), (10_240, 6)),
    ],
)
def test_visible_cpus_rise_with_memory(memory_mb: int, cpus: int) -> None:
    assert AWS_2025.visible_cpus(memory_mb) == cpus


def test_two_cpus_were_visible_in_2018() -> None:
    assert {AWS_2018.visible_cpus(memory_mb) for memory_mb in (128, 1792, 3008)} == {2}


@pytest.mark.parametrize("profile", PROFILES.values())
def test_every_size_sees_at_least_the_cpus_that_it_has(profile: Profile) -> None:
    assert profile.cpu_steps[-1][0] == profile.most_memory_mb
    for memory_mb in range(profile.least_memory_mb, profile.most_memory_mb + 1, 64):
        assert profile.visible_cpus(memory_mb) >= profile.vcpus(memory_mb)


def test_scale_out_was_the_accounts_and_is_the_functions() -> None:
    assert ScaleOut(3000, 500 / 60, per_function=False) == AWS_2018.scale_out
    assert ScaleOut(1000, 100.0, per_function=True) == AWS_2025.scale_out


@pytest.mark.parametrize(("profile", "hours"), [(AWS_2018, 6.2), (AWS_2025, 2.0)])
def test_sandboxes_are_recycled_about_the_measured_age(profile: Profile, hours: float) -> None:
    chance = random.Random(1)
    drawn = [profile.recycle_age.draw(chance) / 3600 for _ in range(2000)]
    assert sum(drawn) / len(drawn) == pytest.approx(hours, abs=0.05)


def test_2018_has_none_of_what_came_later_and_2025_has_all() -> None:
    assert [feature for feature in Feature if AWS_2018.has(feature)] == []
    assert [feature for feature in Feature if not AWS_2025.has(feature)] == []


@pytest.mark.parametrize("profile", PROFILES.values())
def test_prices_are_of_the_profiles_time(profile: Profile) -> None:
    assert profile.prices.date <= profile.date
    assert (profile.prices.arm64 is not None) == profile.has(Feature.ARM64)
    provisioned = profile.prices.x86_64.provisioned_held
    assert (provisioned is not None) == profile.has(Feature.PROVISIONED_CONCURRENCY)
    storage = profile.most_storage_mb > profile.prices.free_storage_mb
    assert (profile.prices.storage_gb_second is not None) == storage
