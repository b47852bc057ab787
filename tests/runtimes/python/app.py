"""Answers with its event and what it was told of it, or misbehaves as it is asked to."""

import os
import time
from typing import Any


class NoLuckError(Exception):
    pass


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    match event.get("do"):
        case "fail":
            raise NoLuckError("no luck")
        case "sleep":
            time.sleep(60)
        case "exit":
            os._exit(3)
    client = context.client_context
    return {
        "event": event,
        "request_id": context.aws_request_id,
        "function": context.function_name,
        "version": context.function_version,
        "memory_mb": int(context.memory_limit_in_mb),
        "arn": context.invoked_function_arn,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "trace_id": os.environ.get("_X_AMZN_TRACE_ID", ""),
        "custom": client.custom if client else None,
    }
