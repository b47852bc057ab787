"""What a caller gets and what the log says under aws-2026, byte for byte.

Sources: recordings of AWS, 2024 to 2026, and the developer guide's "Lambda execution environment
lifecycle" and "Understanding retry behavior". Request ids, times and measured figures are masked.
"""

from __future__ import annotations

import base64
import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.golden.conftest import Lambda, masked, serve
from tests.golden.functions import MODERN

if TYPE_CHECKING:
    from collections.abc import Iterator

INIT_START = (
    "INIT_START Runtime Version: python:3.13.v1\tRuntime Version ARN: "
    "arn:aws:lambda:us-east-1::runtime:<hash>"
)
START = "START RequestId: <id> Version: $LATEST"
END = "END RequestId: <id>"
EXITED = "RequestId: <id> Error: Runtime exited with error: "
SLOW = 120
"""Seconds that the answer of a slow function may take."""


@pytest.fixture(scope="module")
def aws(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lambda]:
    yield from serve(tmp_path_factory.mktemp("golden"), backend, "aws-2026", MODERN)


@pytest.fixture(scope="module", autouse=True)
def slow(aws: Lambda) -> Iterator[dict[str, Future[Any]]]:
    """Answers of functions whose init takes too long, asked for before the first test."""
    with ThreadPoolExecutor() as threads:
        yield {
            name: threads.submit(aws.invoke, name, Payload=b"{}") for name in ("slowly", "never")
        }


def report(tail: str, *, memory_mb: int = 128) -> str:
    return (
        "REPORT RequestId: <id>\tDuration: <ms> ms\tBilled Duration: <n> ms\t"
        f"Memory Size: {memory_mb} MB\tMax Memory Used: <n> MB\t{tail}"
    )


def init_report(phase: str, status: str) -> str:
    return f"INIT_REPORT Init Duration: <ms> ms\tPhase: {phase}\tStatus: {status}"


def failure(answer: Any) -> dict[str, Any]:
    """The body of a 200 whose function failed."""
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    body: dict[str, Any] = json.loads(masked(answer["Payload"].read().decode()))
    return body


def of_lambda(lines: list[str]) -> list[str]:
    """Without what the runtime's client itself writes of an error, a line each."""
    return [line for line in lines if not line.startswith(("[ERROR]", "[WARNING]"))]


def test_cold_and_warm(aws: Lambda) -> None:
    cold = aws.invoke("says", Payload=b'{"a":1}')
    assert (cold["StatusCode"], cold["ExecutedVersion"]) == (200, "$LATEST")
    assert json.loads(cold["Payload"].read()) == {"a": 1}
    assert aws.new_lines("says") == [
        INIT_START,
        START,
        "hello",
        END,
        report("Init Duration: <ms> ms\t"),
    ]
    aws.invoke("says", Payload=b"{}")
    assert aws.new_lines("says") == [START, "hello", END, report("")]


def test_tail_is_the_log_from_start_to_report(aws: Lambda) -> None:
    aws.invoke("says", Payload=b"{}")
    answer = aws.invoke("says", Payload=b"{}", LogType="Tail")
    log = masked(base64.b64decode(answer["LogResult"]).decode())
    assert log == "".join(f"{line}\n" for line in (START, "hello", END, report("")))
    aws.new_lines("says")


def test_handler_that_raised_is_told_with_its_stack_trace(aws: Lambda) -> None:
    body = failure(aws.invoke("raises", Payload=b"{}"))
    assert body == {
        "errorMessage": "no luck",
        "errorType": "ValueError",
        "requestId": "<id>",
        "stackTrace": [
            "  File \"/var/task/app.py\", line 3, in handler\n    raise ValueError('no luck')\n"
        ],
    }
    lines = aws.new_lines("raises")
    assert of_lambda(lines) == [INIT_START, START, END, report("Init Duration: <ms> ms\t")]
    (error,) = [line for line in lines if line.startswith("[ERROR] ValueError: no luck")]
    assert lines.index(START) < lines.index(error) < lines.index(END)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, "RequestId: <id> Error: Runtime exited without providing a reason"),
        (3, f"{EXITED}exit status 3"),
    ],
)
def test_runtime_that_exited_is_told_with_its_exit_code(
    aws: Lambda, code: int, reason: str
) -> None:
    body = failure(aws.invoke("exits", Payload=json.dumps(code).encode()))
    assert body == {"errorType": "Runtime.ExitError", "errorMessage": reason}
    assert aws.new_lines("exits")[-5:] == [
        START,
        reason,
        "Runtime.ExitError",
        END,
        report("Status: error\tError Type: Runtime.ExitError").replace(
            "MB\tStatus", "MB\tInit Duration: <ms> ms\tStatus"
        )
        if code == 0
        else report("Status: error\tError Type: Runtime.ExitError"),
    ]


def test_out_of_memory(aws: Lambda) -> None:
    aws.require_limits()
    body = failure(aws.invoke("eats", Payload=b"{}"))
    reason = f"{EXITED}signal: killed"
    assert body == {"errorType": "Runtime.ExitError", "errorMessage": reason}
    assert aws.new_lines("eats") == [
        INIT_START,
        START,
        reason,
        "Runtime.ExitError",
        END,
        report("Init Duration: <ms> ms\tStatus: error\tError Type: Runtime.OutOfMemory"),
    ]


def test_timeout_and_the_suppressed_init_after_it(aws: Lambda) -> None:
    body = failure(aws.invoke("sleeps", Payload=b"5"))
    message = "RequestId: <id> Error: Task timed out after 1.00 seconds"
    assert body == {"errorType": "Sandbox.Timedout", "errorMessage": message}
    assert aws.new_lines("sleeps") == [
        INIT_START,
        START,
        "<time> <id> Task timed out after 1.00 seconds",
        "",
        END,
        report("Init Duration: <ms> ms\tStatus: timeout", memory_mb=1792),
    ]
    for _ in range(5):  # its second of time covers an init, which a busy machine may not end
        again = aws.invoke("sleeps", Payload=b"0")
        lines = aws.new_lines("sleeps")
        if "FunctionError" not in again:
            break
    assert "FunctionError" not in again
    assert lines == [START, END, report("", memory_mb=1792)]


def test_sandbox_that_was_reset_keeps_its_tmp(aws: Lambda) -> None:
    def answer(event: str) -> Any:
        told = json.loads(aws.invoke("keeps", Payload=json.dumps(event))["Payload"].read())
        aws.new_lines("keeps")  # the sandbox is free for the next
        return told

    assert answer("") is False
    assert answer("leave")["errorType"] == "Runtime.ExitError"
    assert answer("") is True


def test_response_too_large(aws: Lambda) -> None:
    body = failure(aws.invoke("large", Payload=b"6291556"))
    assert body == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": (
            "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
        ),
    }


@pytest.mark.parametrize(
    ("function", "error_type", "message"),
    [
        (
            "syntax",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': expected ':' (app.py, line 1)",
        ),
        (
            "imports",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'no_such_module'",
        ),
        ("lacks", "Runtime.HandlerNotFound", "Handler 'missing' missing on module 'app'"),
        ("raisesearly", "RuntimeError", "not today"),
    ],
)
def test_init_that_failed_is_told_with_its_error(
    aws: Lambda, function: str, error_type: str, message: str
) -> None:
    body = failure(aws.invoke(function, Payload=b"{}"))
    assert (body["errorType"], body["errorMessage"]) == (error_type, message)
    assert set(body) == {"errorType", "errorMessage", "requestId", "stackTrace"}
    status = f"error\tError Type: {error_type}"
    told = of_lambda(aws.new_lines(function))
    assert told == [
        INIT_START,
        init_report("init", status),
        init_report("invoke", status),
        START,
        END,
        report(f"Status: {status}"),
    ]
    failure(aws.invoke(function, Payload=b"{}"))
    assert of_lambda(aws.new_lines(function)) == told[2:]


def test_exit_in_init(aws: Lambda) -> None:
    body = failure(aws.invoke("exitsearly", Payload=b"{}"))
    reason = f"{EXITED}exit status 5"
    assert body == {"errorType": "Runtime.ExitError", "errorMessage": reason}
    status = "error\tError Type: Runtime.ExitError"
    assert aws.new_lines("exitsearly") == [
        INIT_START,
        init_report("init", status),
        init_report("invoke", status),
        START,
        reason,
        "Runtime.ExitError",
        END,
        report(f"Status: {status}"),
    ]


def test_init_that_takes_too_long_runs_again_within_the_invocation(
    aws: Lambda, slow: dict[str, Future[Any]]
) -> None:
    answer = slow["slowly"].result(SLOW)
    assert json.loads(answer["Payload"].read()) is True
    assert aws.new_lines("slowly") == [
        INIT_START,
        init_report("init", "timeout"),
        START,
        END,
        report(""),
    ]


def test_init_within_the_invocation_is_under_the_functions_timeout(
    aws: Lambda, slow: dict[str, Future[Any]]
) -> None:
    body = failure(slow["never"].result(SLOW))
    message = "RequestId: <id> Error: Task timed out after 2.00 seconds"
    assert body == {"errorType": "Sandbox.Timedout", "errorMessage": message}
    assert aws.new_lines("never") == [
        INIT_START,
        init_report("init", "timeout"),
        init_report("invoke", "timeout"),
        START,
        "<time> <id> Task timed out after 2.00 seconds",
        "",
        END,
        report("Status: timeout"),
    ]


def test_throttled_request_is_refused_with_the_reason(aws: Lambda) -> None:
    with pytest.raises(ClientError) as raised:
        aws.invoke("refused", Payload=b"{}")
    answer = raised.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["Error"] == {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert answer["Type"] == "User"


def test_request_too_large(aws: Lambda) -> None:
    with pytest.raises(ClientError) as raised:
        aws.invoke("says", Payload=b'"' + b"x" * 6_291_456 + b'"')
    assert raised.value.response["Error"]["Code"] == "RequestTooLargeException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_function_that_is_not_there_is_not_found(aws: Lambda) -> None:
    with pytest.raises(ClientError) as raised:
        aws.invoke("nobody", Payload=b"{}")
    assert raised.value.response["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody",
    }


def test_dry_run_answers_without_content(aws: Lambda) -> None:
    assert aws.invoke("says", InvocationType="DryRun")["StatusCode"] == 204


def test_json_log_has_an_object_for_each_event(aws: Lambda) -> None:
    aws.invoke("json", Payload=b"{}")
    events = [
        json.loads(line)
        for line in aws.new_lines("json", last='{"time":"<time>","type":"platform.report"')
    ]
    assert [event.get("type", event.get("level")) for event in events] == [
        "platform.initStart",
        "platform.start",
        "WARNING",
        "platform.report",
    ]
    assert events[1]["record"] == {"requestId": "<id>", "version": "$LATEST"}
    record = events[3]["record"]
    assert (record["requestId"], record["status"]) == ("<id>", "success")
    assert set(record["metrics"]) == {
        "durationMs",
        "billedDurationMs",
        "memorySizeMB",
        "maxMemoryUsedMB",
        "initDurationMs",
    }
