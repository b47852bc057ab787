from __future__ import annotations

import numpy as np
import pytest
import shapes


def test_images_depend_on_the_seed_alone() -> None:
    made = shapes.make(20, 64, seed=7)
    again, other = shapes.make(20, 64, seed=7), shapes.make(20, 64, seed=8)
    assert np.array_equal(made.images, again.images)
    assert np.array_equal(made.masks, again.masks)
    assert not np.array_equal(made.masks, other.masks)


def test_every_class_is_seen_and_most_pixels_are_background() -> None:
    made = shapes.make(200, 64, seed=0)
    shares = np.bincount(made.masks.ravel(), minlength=4) / made.masks.size
    assert 0.8 < shares[0] < 0.95
    assert (shares[1:] > 0.01).all()
    assert (made.images.dtype.name, made.masks.dtype.name) == ("uint8", "uint8")


def test_shape_stands_out_from_what_is_around_it() -> None:
    chance = np.random.default_rng(0)
    for level in (0.3, 0.5, 0.7):
        greys = np.array([shapes.grey_apart_from(level, chance) for _ in range(500)])
        assert (np.abs(greys - level) >= shapes.LEAST_CONTRAST - 1e-12).all()
        assert 0 <= greys.min() < level < greys.max() <= 1


@pytest.mark.parametrize(
    ("kind", "share"),
    [(1, (0.99, 1.01)), (2, (0.5, 0.65)), (3, (0.3, 0.42))],
    ids=["disc", "box", "triangle"],
)
def test_outline_covers_its_share_of_the_circle_around_it(
    kind: int, share: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes, "RADII", (0.3, 0.3))
    chance = np.random.default_rng(kind)
    rows, columns = np.mgrid[:400, :400] / 399
    for _ in range(20):
        covered = shapes.outline(kind, rows, columns, chance).mean() / (np.pi * 0.3**2)
        assert share[0] < covered < share[1]
