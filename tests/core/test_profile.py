from __future__ import annotations

import random

import pytest

from emulator.core.profile import AWS_2018, AWS_2025, PROFILES, Profile


def test_profiles_are_found_by_name() -> None:
    assert PROFILES == {"aws-2018": AWS_2018, "aws-2025": AWS_2025}


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
