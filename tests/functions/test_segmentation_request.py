from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
import segmentation
from hypothesis import given, settings
from hypothesis import strategies as st

CLASSES = ("dark", "grey", "bright")
SIDES = "Height and width must be 16 to 512 pixels, in steps of 8."


def thirds(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (image // 86).astype(np.uint8)


def answer(event: Any) -> dict[str, Any]:
    return segmentation.answer(event, CLASSES, thirds, "fake")


def http(body: Any) -> dict[str, Any]:
    return {"version": "2.0", "requestContext": {"http": {"method": "POST"}}, "body": body}


def encoded(pixels: bytes) -> str:
    return base64.b64encode(pixels).decode()


IMAGE = np.arange(24 * 16, dtype=np.int64).reshape(24, 16) % 256
BYTES = {"image": encoded(IMAGE.astype(np.uint8).tobytes()), "shape": [24, 16]}


@pytest.mark.parametrize(
    "request_",
    [BYTES, {"image": IMAGE.tolist()}, {"image": IMAGE.tolist(), "shape": [24, 16]}],
    ids=["base64", "rows", "rows and shape"],
)
def test_answer_has_a_class_for_every_pixel_in_its_place(request_: Any) -> None:
    given = answer(request_)
    mask = np.frombuffer(base64.b64decode(given["mask"]), np.uint8).reshape(given["shape"])
    assert np.array_equal(mask, IMAGE // 86)
    assert given == {
        "mask": given["mask"],
        "shape": [24, 16],
        "classes": ["dark", "grey", "bright"],
        "share": {"dark": 0.447917, "grey": 0.333333, "bright": 0.21875},
        "model": "fake",
    }


def test_http_event_gets_a_json_response() -> None:
    response = answer(http(json.dumps(BYTES)))
    assert (response["statusCode"], json.loads(response["body"])) == (200, answer(BYTES))


def test_http_event_without_a_right_image_gets_400() -> None:
    response = answer(http('{"image": 1}'))
    assert response["statusCode"] == 400
    assert json.loads(response["body"]) == {
        "message": 'The body needs base64 or a list of rows in "image".'
    }


def rows(height: int, width: int, value: Any = 0) -> list[list[Any]]:
    return [[value] * width for _ in range(height)]


NO_SHAPE = 'The body needs [height, width] in "shape".'


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ([], 'The body must be a JSON object: {"image": ..., "shape": [...]}.'),
        ({}, 'The body needs base64 or a list of rows in "image".'),
        ({"image": ""}, NO_SHAPE),
        ({"image": "", "shape": 64}, NO_SHAPE),
        ({"image": "", "shape": [64]}, NO_SHAPE),
        ({"image": "", "shape": [64.0, 64]}, NO_SHAPE),
        ({"image": "", "shape": [True, 64]}, NO_SHAPE),
        ({"image": "", "shape": [8, 64]}, SIDES),
        ({"image": "", "shape": [64, 520]}, SIDES),
        ({"image": "", "shape": [64, 63]}, SIDES),
        ({"image": "", "shape": [-64, -64]}, SIDES),
        ({"image": "&", "shape": [16, 16]}, "The image is not base64."),
        ({"image": "é", "shape": [16, 16]}, "The image is not base64."),
        (
            {"image": encoded(bytes(255)), "shape": [16, 16]},
            "The image has 255 bytes; 16 by 16 pixels take 256.",
        ),
        ({"image": []}, SIDES),
        ({"image": [1] * 16}, SIDES),
        ({"image": rows(16, 17)}, SIDES),
        (
            {"image": rows(16, 16), "shape": [16, 24]},
            'The image is 16 by 16, not as "shape" says.',
        ),
        (
            {"image": [*rows(15, 16), [0] * 15]},
            "Row 15 of the image must be a list of 16 numbers, as row 0.",
        ),
        *(
            (
                {"image": [*rows(15, 16), [*[0] * 15, value]]},
                "Row 15 of the image needs whole numbers from 0 to 255.",
            )
            for value in (-1, 256, 0.5, 1.0, True, None, "1", [1])
        ),
    ],
)
def test_request_that_is_no_image_is_refused_with_what_to_mend(
    request_: Any, complaint: str
) -> None:
    assert answer(request_) == {"message": complaint}


def test_largest_image_fits_what_lambda_takes_and_returns() -> None:
    body = json.dumps({"image": rows(512, 512, 255)})
    response = answer(http(body))
    assert response["statusCode"] == 200
    assert len(json.dumps(http(body))) < 6_291_456
    assert len(json.dumps(response)) < 6_291_556


anything = st.recursive(
    st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.fixed_dictionaries({"image": anything}, optional={"shape": anything}) | anything)
def test_any_direct_event_gets_an_answer_or_a_message(event: Any) -> None:
    given = answer(event)
    assert "mask" in given or given["message"].endswith(".")
