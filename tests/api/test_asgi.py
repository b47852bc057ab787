from __future__ import annotations

import botocore.session
import pytest

from emulator.api.asgi import raise_refusal
from emulator.core.model import ThrottleReason
from emulator.errors import TooManyRequestsError
from emulator.live.invocation import Outcome


@pytest.mark.parametrize("reason", ThrottleReason)
def test_caller_who_is_throttled_is_given_a_reason_that_aws_has(reason: ThrottleReason) -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    with pytest.raises(TooManyRequestsError) as refused:
        raise_refusal(Outcome("id", throttle=reason))
    assert refused.value.reason in model.shape_for("ThrottleReason").metadata["enum"]
