"""The table of AWS's errors against botocore's own description of Lambda."""

from __future__ import annotations

import botocore.session
import pytest

from emulator import errors
from emulator.errors import ConstraintError, ServiceError, TemplateError, TooManyRequestsError

UNDECLARED = {"ValidationException": 400}
"""What every AWS service answers, and no model declares."""


ALL = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ServiceError)
]


@pytest.mark.parametrize("kind", ALL)
def test_service_error_has_awss_code_and_status(kind: type[ServiceError]) -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    declared = {
        shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes
    } | UNDECLARED
    error = kind("any")
    assert error.code in declared
    # a ServiceException is 500; AWS's front end answers 503 with it when it is going away
    assert error.status in (declared[error.code], 503)


def test_throttle_says_which_limit_was_met() -> None:
    assert TooManyRequestsError("ConcurrentInvocationLimitExceeded").reason
    assert str(ConstraintError("a sentence")) == "a sentence"


@pytest.mark.parametrize(
    ("line", "path", "told"),
    [(3, "t.yaml", "t.yaml:3: odd"), (None, "t.yaml", "t.yaml: odd"), (3, "", "template:3: odd")],
)
def test_template_error_says_where(line: int | None, path: str, told: str) -> None:
    assert str(TemplateError("odd", line, path)) == told
