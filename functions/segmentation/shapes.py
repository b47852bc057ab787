"""Grey images of discs, boxes and triangles, and what each pixel of them belongs to.

The data that the segmentation model is trained and judged on: made here, from a seed alone, so
nothing is downloaded. Knows no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = ("background", "disc", "box", "triangle")
"""In the order of the numbers that a mask holds."""

MOST_SHAPES = 4
RADII = (0.08, 0.22)
"""From a shape's centre to its rim or corners, in sides of the image."""
LEAST_CONTRAST = 0.2
"""Between a shape and the middle of the background, of the range from black to white."""
MOST_NOISE = 0.1
"""The greatest standard deviation of a pixel, of the same range."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Both (count, side, side): grey values, and the number of each pixel's class."""

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]


def make(count: int, side: int, seed: int) -> Examples:
    """The same images for the same three numbers, as long as NumPy draws the same."""
    chance = np.random.default_rng(seed)
    images = np.empty((count, side, side), np.uint8)
    masks = np.empty((count, side, side), np.uint8)
    for number in range(count):
        images[number], masks[number] = draw(side, chance)
    return Examples(images, masks)


def draw(side: int, chance: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One to four shapes over a sloping background, the later above the earlier, under noise."""
    rows, columns = np.mgrid[:side, :side] / (side - 1)
    mask = np.zeros((side, side), np.uint8)
    level = chance.uniform(0.2, 0.8)
    slope = chance.uniform(-0.1, 0.1, 2)
    image = level + slope[0] * (rows - 0.5) + slope[1] * (columns - 0.5)
    for _ in range(chance.integers(1, MOST_SHAPES, endpoint=True)):
        kind = int(chance.integers(1, len(CLASSES)))
        covered = outline(kind, rows, columns, chance)
        mask[covered] = kind
        image[covered] = grey_apart_from(level, chance)
    image += chance.normal(0, chance.uniform(0, MOST_NOISE), image.shape)
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8), mask


def outline(
    kind: int, rows: NDArray[np.float64], columns: NDArray[np.float64], chance: np.random.Generator
) -> NDArray[np.bool_]:
    """The pixels of a disc (1), a box (2) or a triangle (3), somewhere and somehow turned."""
    radius = chance.uniform(*RADII)
    centre = chance.uniform(radius, 1 - radius, 2)
    down, right = rows - centre[0], columns - centre[1]
    turn = chance.uniform(0, 2 * np.pi)
    if CLASSES[kind] == "disc":
        covered: NDArray[np.bool_] = np.hypot(down, right) <= radius
        return covered
    if CLASSES[kind] == "box":  # from a square to one half as high as wide
        half = chance.uniform(0.46, 0.79)
        corners = turn + np.array((half, np.pi - half, np.pi + half, -half))
    else:  # from an even triangle to a leaning one
        corners = turn + np.array((0.0, 2.0, 4.0)) * np.pi / 3 + chance.uniform(-0.3, 0.3, 3)
    return inside(radius * np.sin(corners), radius * np.cos(corners), down, right)


def inside(
    corner_rows: NDArray[np.float64],
    corner_columns: NDArray[np.float64],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Whether points are in a convex polygon whose corners go around in the order of angles."""
    covered = np.ones(rows.shape, np.bool_)
    following = zip(np.roll(corner_rows, -1), np.roll(corner_columns, -1), strict=True)
    for row, column, (next_row, next_column) in zip(
        corner_rows, corner_columns, following, strict=True
    ):
        side = (next_column - column) * (rows - row) - (next_row - row) * (columns - column)
        covered &= side >= 0
    return covered


def grey_apart_from(level: float, chance: np.random.Generator) -> float:
    """Uniform over what differs from `level` by the least contrast or more."""
    below, above = max(level - LEAST_CONTRAST, 0), max(1 - level - LEAST_CONTRAST, 0)
    drawn = chance.uniform(0, below + above)
    return float(drawn if drawn < below else drawn - below + level + LEAST_CONTRAST)
