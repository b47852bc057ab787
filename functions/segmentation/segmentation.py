"""What stands around the segmentation network: the request, its checks, the answer.

It knows no framework; a function brings `segment`, from an image to a mask.

A request is `{"image": image, "shape": [height, width]}`. The image is grey, 0 is black and 255
white: its bytes row by row in base64, or a list of rows of whole numbers, which needs no shape.
The answer is `{"mask": mask, "shape": [height, width], "classes": [name, ...], "share": {name:
share of the pixels, ...}, "model": "segmentation"}`: the mask in base64, a byte a pixel, each the
place of its class in `classes`.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import http_event
import numpy as np
from http_event import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Grid = NDArray[np.uint8]

STEP = 8
"""Sides must divide by it: the network halves an image three times and doubles it as often."""
LEAST_SIDE, MOST_SIDE = 16, 512
BLACK, WHITE = 0, 255
SIDES = 2


def answer(
    event: Any, classes: Sequence[str], segment: Callable[[Grid], Grid], name: str
) -> dict[str, Any]:
    """The handler. `segment` turns (height, width) grey values into the classes' numbers."""

    def serve(request: Any) -> dict[str, Any]:
        return respond(segment(image_in(request)), classes, name)

    return http_event.answer(event, serve)


def respond(mask: Grid, classes: Sequence[str], name: str) -> dict[str, Any]:
    counts = np.bincount(mask.ravel(), minlength=len(classes))
    return {
        "mask": base64.b64encode(mask.tobytes()).decode(),
        "shape": list(mask.shape),
        "classes": list(classes),
        "share": dict(zip(classes, np.round(counts / mask.size, 6).tolist(), strict=True)),
        "model": name,
    }


def image_in(request: Any) -> Grid:
    """(height, width), checked."""
    if not isinstance(request, dict):
        raise BadRequest('The body must be a JSON object: {"image": ..., "shape": [...]}.')
    image = request.get("image")
    if isinstance(image, str):
        return image_of_bytes(image, shape_in(request))
    if not isinstance(image, list):
        raise BadRequest('The body needs base64 or a list of rows in "image".')
    found = image_of_rows(image)
    if "shape" in request and shape_in(request) != found.shape:
        raise BadRequest(f'The image is {found.shape[0]} by {found.shape[1]}, not as "shape" says.')
    return found


def shape_in(request: dict[str, Any]) -> tuple[int, int]:
    shape = request.get("shape")
    if not isinstance(shape, list) or len(shape) != SIDES or any(type(n) is not int for n in shape):
        raise BadRequest('The body needs [height, width] in "shape".')
    return checked_sides(shape[0], shape[1])


def checked_sides(height: int, width: int) -> tuple[int, int]:
    for side in height, width:
        if not LEAST_SIDE <= side <= MOST_SIDE or side % STEP:
            raise BadRequest(
                f"Height and width must be {LEAST_SIDE} to {MOST_SIDE} pixels, in steps of {STEP}."
            )
    return height, width


def image_of_bytes(text: str, shape: tuple[int, int]) -> Grid:
    try:
        pixels = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:  # the latter for letters outside ASCII
        raise BadRequest("The image is not base64.") from error
    height, width = shape
    if len(pixels) != height * width:
        raise BadRequest(
            f"The image has {len(pixels):,} bytes; {height} by {width} pixels "
            f"take {height * width:,}."
        )
    return np.frombuffer(pixels, np.uint8).reshape(shape)


def image_of_rows(rows: list[Any]) -> Grid:
    width = len(rows[0]) if rows and isinstance(rows[0], list) else 0
    shape = checked_sides(len(rows), width)
    for at, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width:
            raise BadRequest(f"Row {at} of the image must be a list of {width} numbers, as row 0.")
        # by its exact type, as True is an int
        if not all(type(value) is int and BLACK <= value <= WHITE for value in row):
            raise BadRequest(f"Row {at} of the image needs whole numbers from {BLACK} to {WHITE}.")
    return np.array(rows, np.uint8).reshape(shape)
