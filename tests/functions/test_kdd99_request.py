from __future__ import annotations

import base64
import json
import math
import sys
from typing import Any

import kdd99
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MODEL = kdd99.load()
FIELDS = MODEL.fields
CONTENT_TYPE = {"content-type": "application/json"}


def share_of_attacks(features: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.linspace(0, 1, len(features), dtype=np.float32)


def answer(event: Any) -> dict[str, Any]:
    return kdd99.answer(event, MODEL, share_of_attacks, "fake")


def http(body: Any, **more: Any) -> dict[str, Any]:
    return {"version": "2.0", "requestContext": {"http": {"method": "POST"}}, "body": body} | more


def message(event: Any) -> str:
    """Of the 400 that the event gets; a direct event gets its body alone."""
    response = answer(event)
    if "statusCode" not in response:
        assert list(response) == ["message"]
        return str(response["message"])
    assert (response["statusCode"], response["headers"]) == (400, CONTENT_TYPE)
    return str(json.loads(response["body"])["message"])


TWO = {"records": [[0, 200, 3000], [0, 54540, 8314]]}
ANSWER = {
    "predictions": [{"probability": 0.0, "label": 0}, {"probability": 1.0, "label": 1}],
    "model": "fake",
}


def test_direct_event_gets_the_plain_answer() -> None:
    assert answer(TWO) == ANSWER


def test_http_event_gets_a_json_response() -> None:
    response = answer(http(json.dumps(TWO)))
    assert response == {"statusCode": 200, "headers": CONTENT_TYPE, "body": response["body"]}
    assert json.loads(response["body"]) == ANSWER


def test_body_that_curl_sends_as_a_form_arrives_in_base64() -> None:
    body = base64.b64encode(json.dumps(TWO).encode()).decode()
    response = answer(http(body, isBase64Encoded=True))
    assert json.loads(response["body"]) == ANSWER


def test_event_of_another_payload_format_is_taken_as_the_request() -> None:
    assert answer(TWO | {"version": "2.0"}) == ANSWER
    assert answer(TWO | {"version": "1.0", "requestContext": {"http": {}}}) == ANSWER


def test_record_may_be_an_object_in_any_order_and_with_more_keys() -> None:
    record = {"dst_bytes": 3, "label": "x", "duration": 1, "src_bytes": 2}
    rows = kdd99.rows_of({"records": [record, [1, 2, 3]]}, FIELDS)
    assert rows.tolist() == [[1, 2, 3], [1, 2, 3]]


def test_probability_at_the_threshold_is_an_attack() -> None:
    shown = kdd99.respond(np.array([0.5, 0.49999999999]), 0.5, "m")["predictions"]
    assert shown == [{"probability": 0.5, "label": 1}, {"probability": 0.5, "label": 0}]


@pytest.mark.parametrize("body", [None, "", 7, [], {}])
def test_request_without_a_body_is_refused(body: Any) -> None:
    assert message(http(body)) == "The request has no body."


def test_text_that_is_not_json_is_refused_with_its_place() -> None:
    assert message(http("{'a': 1}")) == (
        "The body is not JSON: Expecting property name enclosed in double quotes"
        " at line 1, column 2."
    )


@pytest.mark.parametrize("body", ["&", "é", "/w=="], ids=["length", "letters", "no UTF-8"])
def test_broken_base64_is_refused(body: str) -> None:
    assert message(http(body, isBase64Encoded=True)) == "The body is not JSON in UTF-8."


def test_integer_too_long_for_python_is_refused() -> None:
    assert message(http("1" * 5000)) == "The body is not JSON in UTF-8."


def test_body_nested_too_deeply_is_refused() -> None:
    assert message(http("[" * 200_000)) == "The body is nested too deeply."


@pytest.mark.parametrize("request_", [None, 1, "a", [], [[0, 1, 2]], True])
def test_request_that_is_no_object_is_refused(request_: Any) -> None:
    expected = 'The body must be a JSON object: {"records": [...]}.'
    assert message(request_) == expected
    assert message(http(json.dumps(request_))) == expected


@pytest.mark.parametrize("request_", [{}, {"records": None}, {"records": {"0": [0, 1, 2]}}])
def test_request_without_a_list_of_records_is_refused(request_: Any) -> None:
    assert message(request_) == 'The body needs a list in "records".'


def test_empty_batch_is_refused() -> None:
    assert message({"records": []}) == "There must be 1 to 149,000 records, not 0."


def test_batch_whose_answer_lambda_could_not_return_is_refused() -> None:
    records = [[0, 0, 0]] * (kdd99.MOST_ROWS + 1)
    assert message({"records": records}) == "There must be 1 to 149,000 records, not 149,001."


@pytest.mark.parametrize(
    "record", [5, "abc", None, [], [1, 2], [1, 2, 3, 4], [[1, 2, 3]], ["duration"]]
)
def test_record_of_another_shape_is_refused_by_its_number(record: Any) -> None:
    assert message({"records": [[0, 0, 0], record]}) == (
        "Record 1 must be a list or an object of duration, src_bytes, dst_bytes."
    )


@pytest.mark.parametrize(
    "value", [None, "1", True, False, [], -1, -1e-300, math.nan, math.inf, -math.inf, 10**400]
)
@pytest.mark.parametrize("as_object", [False, True])
def test_value_that_is_no_finite_count_is_refused_by_its_name(
    value: Any, *, as_object: bool
) -> None:
    record: Any = [0, value, 0]
    if as_object:
        record = dict(zip(FIELDS, record, strict=True))
    expected = "Record 0 needs a finite number of at least 0 as its src_bytes."
    assert message({"records": [record]}) == expected
    assert message(http(json.dumps({"records": [record]}))) == expected


def test_key_that_is_missing_is_refused_by_its_name() -> None:
    assert message({"records": [{"duration": 0, "src_bytes": 0}]}) == (
        "Record 0 needs a finite number of at least 0 as its dst_bytes."
    )


def test_greatest_float_is_a_value() -> None:
    rows = kdd99.rows_of({"records": [[sys.float_info.max, 0, int(sys.float_info.max)]]}, FIELDS)
    assert np.isfinite(MODEL.prepare(rows)).all()


def test_longest_answer_fits_what_lambda_returns() -> None:
    def longest(features: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.full(len(features), 0.123456789)

    request = {"records": [[0, 0, 0]] * kdd99.MOST_ROWS}
    for event in request, http(json.dumps(request)):
        response = kdd99.answer(event, MODEL, longest, "a-function's-name")
        assert "message" not in response
        assert 0.98 * 6_291_556 < len(json.dumps(response)) < 6_291_556


fuzz = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
rows = st.lists(st.integers(0, 10**12) | st.floats(0, 1e12), min_size=3, max_size=3)
numbers = (
    st.integers()
    | st.integers(min_value=10**300, max_value=10**320)
    | st.floats()
    | st.booleans()
    | st.none()
    | st.text(max_size=3)
)
records = (
    rows
    | rows.map(lambda row: dict(zip(FIELDS, row, strict=True)))
    | st.lists(numbers, min_size=2, max_size=4)
    | st.dictionaries(st.sampled_from([*FIELDS, "label"]), numbers)
)
anything = st.recursive(
    numbers, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner)
)
requests = (
    st.fixed_dictionaries({"records": st.lists(rows | records, max_size=3)})
    | st.fixed_dictionaries({"records": st.lists(records | anything, max_size=3)})
    | anything
)


def check_plain(response: dict[str, Any]) -> None:
    if "message" in response:
        assert list(response) == ["message"]
        assert response["message"].endswith(".")
    else:
        for prediction in response["predictions"]:
            assert 0 <= prediction["probability"] <= 1
            assert prediction["label"] in {0, 1}


@fuzz
@given(requests)
def test_any_direct_event_gets_an_answer_or_a_message(event: Any) -> None:
    check_plain(answer(event))


@fuzz
@given(requests.map(json.dumps) | st.text() | st.none(), st.booleans() | st.none())
def test_any_http_body_gets_200_or_400(body: str | None, encoded: bool | None) -> None:
    response = answer(http(body, isBase64Encoded=encoded))
    plain = json.loads(response["body"])
    assert response["statusCode"] == (400 if "message" in plain else 200)
    check_plain(plain)


@fuzz
@given(st.binary())
def test_any_bytes_get_200_or_400(body: bytes) -> None:
    response = answer(http(base64.b64encode(body).decode(), isBase64Encoded=True))
    assert response["statusCode"] in {200, 400}


@fuzz
@given(st.dictionaries(st.sampled_from(["version", "requestContext", "body", "records"]), anything))
def test_any_mixture_of_the_two_events_gets_an_answer(event: dict[str, Any]) -> None:
    found = answer(event)
    assert json.loads(json.dumps(found)) == found


@fuzz
@given(st.lists(rows, min_size=1))
def test_features_are_standardised_logarithms(batch: list[list[float]]) -> None:
    features = MODEL.prepare(kdd99.rows_of({"records": batch}, FIELDS))
    assert features.dtype == np.float32
    for row, prepared in zip(batch, features.tolist(), strict=True):
        expected = [
            (math.log(value + 0.1) - mean) / deviation
            for value, mean, deviation in zip(row, MODEL.means, MODEL.deviations, strict=True)
        ]
        assert prepared == pytest.approx(expected, rel=1e-6, abs=1e-6)
