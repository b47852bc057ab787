"""The runtime as a plain process towards the real Runtime API server."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from asyncio import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from emulator.live.backends.process import bootstrap
from emulator.live.runtime_api.interface import Work
from emulator.live.runtime_api.server import RuntimeApiServer
from tests.live.runtime_listener import RecordedRuntime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

BOUND = 30.0
"""Seconds that any one wait may take."""
RESPONSE_LIMIT = 6 << 20


class Runtime:
    def __init__(
        self, process: subprocess.Process, endpoint: Any, listener: RecordedRuntime
    ) -> None:
        self.process = process
        self.deadline_ms = int(time.time() * 1000) + 600_000
        self._endpoint = endpoint
        self._listener = listener

    async def event(self) -> tuple[Any, ...]:
        """Returns what the runtime did next; the body of an error as its document."""
        *event, last = await self._listener.event()
        if event and event[0] in ("init failed", "errored"):
            assert isinstance(last, bytes)
            return (*event, json.loads(last))
        return (*event, last)

    def dispatch(self, payload: bytes, request_id: str = "r-1", **work: Any) -> None:
        self._endpoint.dispatch(Work(request_id, self.deadline_ms, "arn:f", payload, **work))

    async def ask(self, payload: bytes, **work: Any) -> tuple[Any, ...]:
        self.dispatch(payload, **work)
        return await self.event()

    async def hang_up(self) -> None:
        await self._endpoint.close()

    async def answer(self, payload: object, **work: Any) -> Any:
        kind, _, body = await self.ask(json.dumps(payload).encode(), **work)
        assert kind == "responded"
        return json.loads(body)

    async def output(self) -> str:
        """Ends it and gives all that it wrote."""
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(BOUND):
            written, _ = await self.process.communicate()
        return written.decode()

    async def code(self) -> int:
        async with asyncio.timeout(BOUND):
            return await self.process.wait()


@asynccontextmanager
async def runtime(
    folder: Path, code: str, handler: str = "app.handler", **environment: str
) -> AsyncIterator[Runtime]:
    task, opt = folder / "task", folder / "opt"
    for path in (task, opt):
        path.mkdir(exist_ok=True)
    (task / "app.py").write_text(code)
    listener = RecordedRuntime()
    endpoint = await RuntimeApiServer(RESPONSE_LIMIT).open("127.0.0.1", listener)
    process = await asyncio.create_subprocess_exec(
        getattr(sys, "_base_executable", sys.executable),
        *("-S", "-s", "-P", "-B", bootstrap.__file__, f"opt={opt}"),
        env={
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{endpoint.port}",
            "LAMBDA_TASK_ROOT": str(task),
            "_HANDLER": handler,
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "7",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield Runtime(process, endpoint, listener)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
        await endpoint.close()


async def test_events_and_results_pass(tmp_path: Path) -> None:
    async with runtime(tmp_path, "def handler(event, context): return {'got': event}") as one:
        assert await one.event() == ("ready",)
        assert await one.answer([1, "ü", None]) == {"got": [1, "ü", None]}
        assert await one.answer("second", request_id="r-2") == {"got": "second"}


@pytest.mark.parametrize("handler", ["pkg/mod.handler", "pkg.mod.handler"])
async def test_handler_may_be_in_a_package(tmp_path: Path, handler: str) -> None:
    (tmp_path / "task" / "pkg").mkdir(parents=True)
    (tmp_path / "task" / "pkg" / "mod.py").write_text(
        "def handler(event, context): return __name__"
    )
    async with runtime(tmp_path, "", handler) as one:
        assert await one.event() == ("ready",)
        assert await one.answer(None) == "pkg.mod"


async def test_large_event_and_response_pass(tmp_path: Path) -> None:
    async with runtime(tmp_path, "def handler(event, context): return event") as one:
        await one.event()
        event = "x" * (5 << 20)
        assert await one.answer(event) == event


async def test_context_has_the_documented_attributes(tmp_path: Path) -> None:
    code = """
import time
def handler(event, context):
    before, left, after = time.time(), context.get_remaining_time_in_millis(), time.time()
    client = context.client_context
    return [context.function_name, context.function_version, context.invoked_function_arn,
            context.memory_limit_in_mb, context.aws_request_id, context.log_group_name,
            context.log_stream_name, context.identity.cognito_identity_id,
            before * 1000 - 2 < event - left < after * 1000 + 2,
            [client.custom, client.env, client.client.app_title] if client else None]
"""
    async with runtime(tmp_path, code) as one:
        await one.event()
        plain = await one.answer(one.deadline_ms)
        context = '{"custom": {"a": 1}, "client": {"app_title": "t"}}'
        mobile = await one.answer(one.deadline_ms, client_context=context)
    expected = ["f", "7", "arn:f", "128", "r-1", "/aws/lambda/f", "stream", None, True]
    assert plain == [*expected, None]
    assert mobile == [*expected, [{"a": 1}, None, "t"]]


async def test_tenant_is_in_the_context_and_in_json_logs(tmp_path: Path) -> None:
    code = """
import logging
def handler(event, context):
    logging.warning("asked")
    return context.tenant_id
"""
    async with runtime(tmp_path, code, AWS_LAMBDA_LOG_FORMAT="JSON") as one:
        await one.event()
        assert await one.answer(None, tenant="blue") == "blue"
        assert await one.answer(None, request_id="r-2") is None
        lines = [json.loads(line) for line in (await one.output()).splitlines()]
    assert [line.get("tenantId") for line in lines] == ["blue", None]


async def test_trace_id_is_that_of_the_invocation(tmp_path: Path) -> None:
    code = "import os\ndef handler(e, c): return os.environ.get('_X_AMZN_TRACE_ID')"
    async with runtime(tmp_path, code) as one:
        await one.event()
        assert await one.answer(None, trace_id="Root=1") == "Root=1"
        assert await one.answer(None) is None


INIT_FAULTS = {
    "no module": (
        "import no_such_module",
        "app.handler",
        "Runtime.ImportModuleError",
        "Unable to import module 'app': No module named 'no_such_module'",
    ),
    "no file": (
        "",
        "other.handler",
        "Runtime.ImportModuleError",
        "Unable to import module 'other': No module named 'other'",
    ),
    "no function": (
        "",
        "app.handler",
        "Runtime.HandlerNotFound",
        "Handler 'handler' missing on module 'app'",
    ),
    "syntax": (
        "def handler(:",
        "app.handler",
        "Runtime.UserCodeSyntaxError",
        "Syntax error in module 'app': invalid syntax (app.py, line 1)",
    ),
    "no dot": (
        "",
        "app",
        "Runtime.MalformedHandlerName",
        "Bad handler 'app': not enough values to unpack (expected 2, got 1)",
    ),
    "built in": (
        "",
        "sys.exit",
        "Runtime.BuiltInModuleConflict",
        "Cannot use built-in module sys as a handler module",
    ),
    "raised": ("raise KeyError('k')", "app.handler", "KeyError", "'k'"),
}


@pytest.mark.parametrize("fault", INIT_FAULTS)
async def test_init_error_is_told_in_aws_words(tmp_path: Path, fault: str) -> None:
    code, handler, error_type, message = INIT_FAULTS[fault]
    async with runtime(tmp_path, code, handler) as one:
        kind, header, body = await one.event()
        assert (kind, header) == ("init failed", error_type)
        assert (body["errorType"], body["errorMessage"]) == (error_type, message)
        assert await one.code() == 1
        assert f"[ERROR] {error_type}: {message}\rTraceback" in await one.output()


async def test_stack_of_an_init_error_begins_in_the_function(tmp_path: Path) -> None:
    async with runtime(tmp_path, "def f(): raise ValueError('no')\nf()") as one:
        _, _, body = await one.event()
    assert "bootstrap.py" not in "".join(body["stackTrace"])
    assert body["stackTrace"][-1].endswith("in f\n    def f(): raise ValueError('no')\n")


async def test_handler_error_is_the_answer_and_the_runtime_goes_on(tmp_path: Path) -> None:
    code = "def handler(event, context):\n    return 1 / event\n"
    async with runtime(tmp_path, code) as one:
        await one.event()
        kind, request_id, error_type, body = await one.ask(b"0")
        assert (kind, request_id, error_type) == ("errored", "r-1", "Unhandled")
        trace = body.pop("stackTrace")
        assert body == {
            "errorMessage": "division by zero",
            "errorType": "ZeroDivisionError",
            "requestId": "r-1",
        }
        assert len(trace) == 1
        assert "app.py" in trace[0]
        assert await one.answer(2) == 0.5
        said = await one.output()
    nbsp = "\u00a0"
    assert said.startswith("[ERROR] ZeroDivisionError: division by zero\rTraceback (most recent")
    assert f"\r{nbsp * 4}return 1 / event\n" in said


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{1}", "Object of type set is not JSON serializable"),
        ("object()", "Object of type object is not JSON serializable"),
    ],
)
async def test_result_that_is_no_json(tmp_path: Path, value: str, message: str) -> None:
    async with runtime(tmp_path, f"def handler(event, context): return {value}") as one:
        await one.event()
        _, _, _, body = await one.ask(b"null")
    assert body["errorType"] == "Runtime.MarshalError"
    assert body["errorMessage"] == f"Unable to marshal response: {message}"


async def test_event_that_is_no_json(tmp_path: Path) -> None:
    async with runtime(tmp_path, "def handler(event, context): return 1") as one:
        await one.event()
        _, _, _, body = await one.ask(b"{")
    assert body["errorType"] == "Runtime.UnmarshalError"
    assert body["errorMessage"].startswith("Unable to unmarshal input: Expecting property name")


@pytest.mark.parametrize(
    ("runtime_name", "encoded"),
    [("AWS_Lambda_python3.11", b'"\\u00fc"'), ("AWS_Lambda_python3.12", '"ü"'.encode())],
)
async def test_non_ascii_is_escaped_until_python_3_11(
    tmp_path: Path, runtime_name: str, encoded: bytes
) -> None:
    code = "def handler(event, context): return 'ü'"
    async with runtime(tmp_path, code, AWS_EXECUTION_ENV=runtime_name) as one:
        await one.event()
        assert await one.ask(b"null") == ("responded", "r-1", encoded)


async def test_bytes_and_decimals_are_results(tmp_path: Path) -> None:
    code = """
from decimal import Decimal
def handler(event, context):
    return b"raw" if event else [Decimal("3"), Decimal("2.5")]
"""
    async with runtime(tmp_path, code) as one:
        await one.event()
        assert await one.ask(b"1") == ("responded", "r-1", b"raw")
        assert await one.ask(b"0") == ("responded", "r-1", b"[3, 2.5]")


async def test_logging_is_set_up_as_on_lambda(tmp_path: Path) -> None:
    code = """
import logging
logging.warning("in init")
log = logging.getLogger("mine")
logging.getLogger().setLevel("INFO")
def handler(event, context):
    log.info("in %s", "handler")
    print("printed")
"""
    async with runtime(tmp_path, code) as one:
        await one.event()
        await one.answer(None)
        lines = (await one.output()).splitlines()
    head = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.\d{3}Z"
    assert re.fullmatch(rf"\[WARNING\]\t{head}\t\tin init", lines[0])
    assert re.fullmatch(rf"\[INFO\]\t{head}\tr-1\tin handler", lines[1])
    assert lines[2] == "printed"


LOGS_JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def logged(output: str) -> list[dict[str, Any]]:
    """The objects of all lines, without their times."""
    lines = [json.loads(line) for line in output.splitlines()]
    assert all(MOMENT.fullmatch(line.pop("timestamp")) for line in lines)
    return lines


async def test_json_logging_writes_an_object_a_record(tmp_path: Path) -> None:
    code = """
import logging
logging.warning("in init")
log = logging.getLogger("mine")
def handler(event, context):
    log.debug("below the level")
    log.info("in %s", "händler", extra={"user": 7, "nothing": None})
    log.log(35, {"own": "level", "odd": ValueError("text")})
"""
    async with runtime(tmp_path, code, **LOGS_JSON) as one:
        await one.event()
        await one.answer(None)
        said = await one.output()
    assert "händler" in said
    assert logged(said) == [
        {"level": "WARNING", "message": "in init", "logger": "root", "requestId": ""},
        {
            "level": "INFO",
            "message": "in händler",
            "logger": "mine",
            "requestId": "r-1",
            "user": 7,
        },
        {
            "level": "WARNING",
            "message": {"own": "level", "odd": "text"},
            "logger": "mine",
            "requestId": "r-1",
        },
    ]


async def test_json_logging_tells_of_an_exception_and_where_it_was_logged(tmp_path: Path) -> None:
    code = """
import logging
def handler(event, context):
    try:
        {}["k"]
    except KeyError:
        logging.exception("caught")
"""
    async with runtime(tmp_path, code, **LOGS_JSON) as one:
        await one.event()
        await one.answer(None)
        (line,) = logged(await one.output())
    (frame,) = line.pop("stackTrace")
    assert "in handler" in frame
    app = tmp_path / "task" / "app.py"
    assert line == {
        "level": "ERROR",
        "message": "caught",
        "logger": "root",
        "errorType": "KeyError",
        "errorMessage": "'k'",
        "requestId": "r-1",
        "location": f"{app}:handler:7",
    }


async def test_json_logging_has_unhandled_errors_as_objects_too(tmp_path: Path) -> None:
    code = "def handler(event, context): return 1 / event"
    async with runtime(tmp_path, code, **LOGS_JSON) as one:
        await one.event()
        _, _, _, body = await one.ask(b"0")
        assert logged(await one.output()) == [{"level": "ERROR", **body}]
    assert body["errorType"] == "ZeroDivisionError"


async def test_json_logging_has_an_init_error_as_an_object_too(tmp_path: Path) -> None:
    async with runtime(tmp_path, "raise KeyError('k')", **LOGS_JSON) as one:
        _, _, body = await one.event()
        await one.code()
        (line,) = logged(await one.output())
    assert line == {"level": "ERROR", **body}
    assert line["requestId"] == ""


async def test_logging_is_imported_by_functions_alone(tmp_path: Path) -> None:
    code = "import sys\ndef handler(event, context): return 'logging' in sys.modules"
    async with runtime(tmp_path, code) as one:
        await one.event()
        assert await one.answer(None) is False


async def test_output_is_written_before_the_response(tmp_path: Path) -> None:
    code = "def handler(event, context): print('no newline', end='')"
    async with runtime(tmp_path, code) as one:
        await one.event()
        await one.answer(None)
        one.process.kill()
        assert await one.output() == "no newline"


async def test_path_is_lambdas_and_has_no_site_packages(tmp_path: Path) -> None:
    layer = tmp_path / "opt" / "python"
    layer.mkdir(parents=True)
    (layer / "layered.py").write_text("")
    code = (
        "import sys, layered\ndef handler(event, context): return [sys.path, sys.argv, exit.name]"
    )
    async with runtime(tmp_path, code) as one:
        assert await one.event() == ("ready",)
        path, arguments, name = await one.answer(None)
    version = f"python3.{sys.version_info.minor}"
    site = str(layer / "lib" / version / "site-packages")
    assert path[:3] == [str(tmp_path / "task"), site, str(layer)]
    assert [entry for entry in path[3:] if "-packages" in entry] == []
    assert (arguments, name) == (["/var/runtime/bootstrap.py"], "exit")


async def test_exit_in_a_handler_ends_the_runtime_with_its_code(tmp_path: Path) -> None:
    async with runtime(tmp_path, "import sys\ndef handler(e, c): sys.exit(e)") as one:
        await one.event()
        one.dispatch(b"3")
        assert await one.code() == 3


async def test_response_over_the_limit_ends_the_runtime(tmp_path: Path) -> None:
    """As awslambdaric does: the refusal of its response is an error that it does not survive."""
    async with runtime(tmp_path, "def handler(event, context): return 'x' * event") as one:
        await one.event()
        kind, _, error_type, _ = await one.ask(str(RESPONSE_LIMIT + 1).encode())
        assert (kind, error_type) == ("errored", "Function.ResponseSizeTooLarge")
        assert await one.code() == 1


async def test_runtime_ends_when_the_testbed_is_gone(tmp_path: Path) -> None:
    async with runtime(tmp_path, "def handler(event, context): return event") as one:
        await one.event()
        await one.hang_up()
        assert await one.code() == 0
