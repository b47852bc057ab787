"""Runs a Python handler as Lambda does, for sandboxes without Docker: a Runtime API client.

This file is longer than others on purpose. It is copied into every sandbox as one program, where
nothing else of the testbed exists, and a cold start pays for every module: it is compiled once,
and imports of the standard library alone as little as it can.
The words of its errors and its encoding of results are those of awslambdaric 4.2.

Arguments: `opt=FOLDER` (the layers), `uid=N` (become that user first; absent: stay who you are),
`lifeline=FD` (die with all the process group when the other end of this pipe is closed),
`group=own` (lead a process group), `run=PROGRAM` (become that instead, for an extension),
`snapshot=FD` (be a template of which this channel orders forks, see snapshot_runtime.py) and
`stem=FD` (be a stem cell, to which this channel brings the function's environment).
"""

from __future__ import annotations

import _socket
import json
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType, TracebackType
    from typing import Any, NoReturn

_API = "/2018-06-01/runtime/"
_FILE = "/var/runtime/bootstrap.py"
_JSON_TIME = "%Y-%m-%dT%H:%M:%SZ"
_request_id = ""
_tenant_id = ""
_BEFORE_FAILED, _AFTER_FAILED = 64, 65
"""Exit codes of a runtime whose hooks before a snapshot or after a restore have failed."""
_log = 1
"""The runtime's own descriptor to the log, so that a function may close its standard output."""


class Fault(Exception):  # noqa: N818  # a fault of the function's package, not of this program
    """Carries what the runtime itself has to say, under an error type of AWS's."""

    def __init__(self, error_type: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.trace = trace or []


class RuntimeApi:
    """Holds one keep-alive connection to the Runtime API; http.client takes 20 ms to import."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host = address.encode()
        self._socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self._socket.connect((host, int(port)))
        self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._next = self._head(b"GET", "invocation/next") + b"\r\n"

    def next(self) -> tuple[dict[bytes, bytes], bytes]:
        """Waits for an invocation; returns its headers, names in lower case, and its event."""
        self._socket.sendall(self._next)
        status, headers, body = self._answer()
        if status != b"200":
            raise RuntimeError(f"Failed to get next invocation: {status.decode()}")
        return headers, body

    def restored(self) -> None:
        """Waits for the restore, which is over when this is answered."""
        self._socket.sendall(self._head(b"GET", "restore/next") + b"\r\n")
        status, _, answer = self._answer()
        if status != b"200":
            raise RuntimeError(f"Failed to restore: {status.decode()} {answer.decode()}")

    def post(self, path: str, body: bytes, header: str) -> None:
        """Posts a result or an error; a refusal ends the runtime, as it ends AWS's."""
        head = f"{header}\r\nContent-Length: {len(body)}\r\n\r\n".encode("latin-1", "replace")
        self._socket.sendall(self._head(b"POST", path) + head + body)
        status, _, answer = self._answer()
        if status != b"202":
            reason = f"{status.decode()}. {answer.decode(errors='replace')}"
            raise RuntimeError(f"Failed to post {path}. Http response code: {reason}")

    def _head(self, method: bytes, path: str) -> bytes:
        return b"%b %b%b HTTP/1.1\r\nHost: %b\r\n" % (
            method,
            _API.encode(),
            path.encode(),
            self._host,
        )

    def _answer(self) -> tuple[bytes, dict[bytes, bytes], bytes]:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive(65536)
        first, *lines = received[:end].split(b"\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        parts = [received[end + 4 :]]
        missing = int(headers.get(b"content-length", 0)) - len(parts[0])
        while missing > 0:
            parts.append(self._receive(min(missing, 1 << 20)))
            missing -= len(parts[-1])
        return first.split(b" ", 2)[1], headers, b"".join(parts)

    def _receive(self, size: int) -> bytes:
        part = self._socket.recv(size)
        if not part:
            sys.exit(0)  # the testbed is gone, so nobody is left to serve
        return part


class Record:
    """Has named attributes, None where the source does not have them."""

    def __init__(self, names: tuple[str, ...], source: dict[str, Any]) -> None:
        self._names = names
        for name in names:
            setattr(self, name, source.get(name))

    def __repr__(self) -> str:
        return f"Record({', '.join(f'{name}={getattr(self, name)}' for name in self._names)})"


class LambdaContext:
    """Stands as the handler's second argument, with the attributes that the guide documents."""

    def __init__(self, headers: dict[bytes, bytes]) -> None:
        environ = os.environ.get
        self.aws_request_id = headers.get(b"lambda-runtime-aws-request-id", b"").decode()
        self.log_group_name = environ("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environ("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environ("AWS_LAMBDA_FUNCTION_VERSION")
        arn = headers.get(b"lambda-runtime-invoked-function-arn", b"")
        self.invoked_function_arn = arn.decode()
        tenant = headers.get(b"lambda-runtime-aws-tenant-id", b"")
        self.tenant_id = tenant.decode() or None
        self.client_context = _client_context(headers.get(b"lambda-runtime-client-context"))
        self.identity = _identity(headers.get(b"lambda-runtime-cognito-identity"))
        self._deadline_ms = int(headers.get(b"lambda-runtime-deadline-ms", b"0"))

    def get_remaining_time_in_millis(self) -> int:
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        shown = (f"{k}={v}" for k, v in vars(self).items() if not k.startswith("_"))
        return f"LambdaContext([{','.join(shown)}])"


def _header_json(header: bytes, name: str) -> dict[str, Any]:
    try:
        return dict(json.loads(header))
    except (ValueError, TypeError) as error:
        message = f"Unable to parse {name} JSON: {error}"
        raise Fault("Runtime.LambdaContextUnmarshalError", message) from error


def _client_context(header: bytes | None) -> Record | None:
    if not header:
        return None
    context = Record(("custom", "env", "client"), _header_json(header, "Client Context"))
    client: dict[str, Any] | None = getattr(context, "client", None)
    if client is not None:
        names = ("title", "version_name", "version_code", "package_name")
        fields = ("installation_id", *(f"app_{name}" for name in names))
        context.client = Record(fields, client)  # type: ignore[attr-defined]
    return context


def _identity(header: bytes | None) -> Record:
    source = _header_json(header, "Cognito Identity") if header else {}
    renamed = {
        "cognito_identity_id": source.get("cognitoIdentityId"),
        "cognito_identity_pool_id": source.get("cognitoIdentityPoolId"),
    }
    return Record(tuple(renamed), renamed)


def load_handler(name: str) -> Callable[[Any, LambdaContext], Any]:
    """Returns the callable of `module.function`; the module may be `pkg/mod` or `pkg.mod`.

    Raises:
        Fault: The handler cannot be loaded; whatever else its module raises passes through.
    """
    import importlib  # noqa: PLC0415  # after `sys.path` and the user were set

    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        message = f"Bad handler '{name}': {error}"
        raise Fault("Runtime.MalformedHandlerName", message) from error
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise Fault("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", message, trace) from error
    if not hasattr(module, function_name):
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", message)
    handler: Callable[[Any, LambdaContext], Any] = getattr(module, function_name)
    return handler


def _described(error: Exception, request_id: str = "") -> dict[str, Any]:
    """Returns the error as the caller sees it."""
    if isinstance(error, Fault):
        error_type, trace = error.error_type, error.trace
    else:
        error_type, trace = type(error).__name__, _stack(error.__traceback__)
    return {
        "errorMessage": str(error),
        "errorType": error_type,
        "requestId": request_id,
        "stackTrace": trace,
    }


def _stack(trace: TracebackType | None) -> list[str]:
    """Formats the frames of the function, without those of this file above them."""
    import traceback  # noqa: PLC0415  # only an error pays for it

    while trace is not None and trace.tb_frame.f_code.co_filename == _stack.__code__.co_filename:
        trace = trace.tb_next
    frames = traceback.extract_tb(trace)
    # without its columns a frame is shown as AWS shows it, with no line of carets
    return traceback.format_list([(f.filename, f.lineno or 0, f.name, f.line) for f in frames])


def _log_error(description: dict[str, Any], marshaller: Marshaller) -> None:
    """Logs an error as AWS's runtime does: carriage returns keep its lines in one event."""
    if _logs_json():
        moment = time.strftime(_JSON_TIME, time.gmtime())
        shown = {"timestamp": moment, "level": "ERROR", **description}
        _write_log(marshaller.error(shown).decode() + "\n")
        return
    lines = [f"[ERROR] {description['errorType']}: {description['errorMessage']}"]
    lines.append("Traceback (most recent call last):")
    for line in "".join(description["stackTrace"]).splitlines():
        text = line.lstrip(" ")
        lines.append("\u00a0" * (len(line) - len(text)) + text)
    _write_log("\r".join(lines) + "\n")


def _write_log(text: str) -> None:
    """Writes to the log whatever the function did to its standard output."""
    _flush()
    rest = memoryview(text.encode(errors="replace"))
    try:
        while rest:
            rest = rest[os.write(_log, rest) :]
    except OSError:  # it closed every descriptor
        pass


def _flush() -> None:
    """Flushes the standard streams, which the function may have closed or replaced."""
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105  # contextlib would be one more import of a cold start
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


def _logs_json() -> bool:
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def _default(value: object) -> object:
    """Returns a Decimal as a number, whose digits beyond a float's are lost."""
    if type(value).__name__ == "Decimal" and type(value).__module__ == "decimal":
        text = str(value)
        return int(text) if text.lstrip("-").isdigit() else float(text)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


class Marshaller:
    """Decodes events and encodes results; from Python 3.12 on non-ASCII characters stay."""

    def __init__(self) -> None:
        version = os.environ.get("AWS_EXECUTION_ENV", "").rpartition("python3.")[2]
        ascii_only = version.isdigit() and int(version) < 12  # noqa: PLR2004
        self._encode = json.JSONEncoder(ensure_ascii=ascii_only, default=_default).encode

    def event(self, body: bytes, content_type: bytes) -> Any:
        if content_type != b"application/json":
            return body
        try:
            return json.loads(body)
        except ValueError as error:
            message = f"Unable to unmarshal input: {error}"
            raise Fault("Runtime.UnmarshalError", message) from error

    def result(self, value: Any) -> tuple[bytes, str]:
        """Returns the encoded result and its content type."""
        if isinstance(value, bytes):
            return value, "application/unknown"
        try:
            return self._encode(value).encode(), "application/json"
        except Exception as error:
            message = f"Unable to marshal response: {error}"
            raise Fault("Runtime.MarshalError", message) from error

    def error(self, description: dict[str, Any]) -> bytes:
        return self._encode(description).encode(errors="replace")


def serve(
    api: RuntimeApi, handler: Callable[[Any, LambdaContext], Any], marshaller: Marshaller
) -> None:
    """Answers one invocation after another until the connection ends."""
    global _request_id, _tenant_id  # noqa: PLW0603  # the logging filter reads them, as AWS's does
    while True:
        headers, body = api.next()
        _request_id = headers.get(b"lambda-runtime-aws-request-id", b"").decode()
        _tenant_id = headers.get(b"lambda-runtime-aws-tenant-id", b"").decode()
        if trace_id := headers.get(b"lambda-runtime-trace-id"):
            os.environ["_X_AMZN_TRACE_ID"] = trace_id.decode()
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        try:
            context = LambdaContext(headers)
            event = marshaller.event(body, headers.get(b"content-type", b"application/json"))
            result, content_type = marshaller.result(handler(event, context))
            path, header = "response", f"Content-Type: {content_type}"
        except Exception as error:  # noqa: BLE001  # whatever the function raises is its answer
            description = _described(error, _request_id)
            _log_error(description, marshaller)
            result = marshaller.error(description)
            path, header = "error", "Lambda-Runtime-Function-Error-Type: Unhandled"
        _flush()
        api.post(f"invocation/{_request_id}/{path}", result, header)


class LoggingSetup:
    """Gives the root logger Lambda's handler when `logging` is imported, and not before."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                self._loader = spec.loader
                spec.loader = self  # type: ignore[assignment]
                return spec
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        module.__spec__.loader = module.__loader__ = self._loader  # type: ignore[union-attr]
        configure_logging()


def configure_logging() -> None:
    """Gives the root logger Lambda's handler, format and level."""
    import logging  # noqa: PLC0415

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            _write_log(self.format(record))

    def name_request(record: logging.LogRecord) -> bool:
        record.aws_request_id = _request_id
        return True

    logging.Formatter.converter = time.gmtime
    handler = Handler()
    line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
    text = logging.Formatter(line, "%Y-%m-%dT%H:%M:%S")
    handler.setFormatter(json_formatter() if _logs_json() else text)
    handler.addFilter(name_request)
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper().replace("TRACE", "DEBUG")
    if level in logging.getLevelNamesMapping():
        root.setLevel(level)


def json_formatter() -> logging.Formatter:
    """Returns a formatter that writes each record as one JSON object, without empty keys."""
    import logging  # noqa: PLC0415

    # newer Pythons' taskName passes, as from AWS's runtime; what only this handler sets does not
    ordinary = (vars(logging.makeLogRecord({})).keys() - {"taskName"}) | {"aws_request_id"}

    class Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            # levels of a function's own count as the ordinary one below them
            level = logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10)
            as_it_is = isinstance(record.msg, dict) and not record.args
            shown: dict[str, object] = {
                "timestamp": self.formatTime(record, _JSON_TIME),
                "level": level,
                "message": record.msg if as_it_is else record.getMessage(),
                "logger": record.name,
                **_exception(record),
                "requestId": _request_id,
                "tenantId": _tenant_id or None,
                "location": _location(record),
            }
            extra = {k: v for k, v in vars(record).items() if k not in ordinary | shown.keys()}
            kept = {k: v for k, v in (shown | extra).items() if v is not None}
            return json.dumps(kept, ensure_ascii=False, default=str) + "\n"

    return Formatter()


def _exception(record: logging.LogRecord) -> dict[str, object]:
    """Returns the keys that a record of an exception has besides."""
    if not record.exc_info or record.exc_info[0] is None:
        return dict.fromkeys(("stackTrace", "errorType", "errorMessage"))
    import traceback  # noqa: PLC0415  # only an error pays for it

    kind, error, trace = record.exc_info
    return {
        "stackTrace": traceback.format_tb(trace),
        "errorType": kind.__name__,
        "errorMessage": str(error),
    }


def _location(record: logging.LogRecord) -> str | None:
    """Returns where an exception was logged; None for other records."""
    return f"{record.pathname}:{record.funcName}:{record.lineno}" if record.exc_info else None


def _tie_to(lifeline: int) -> None:
    """Has the kernel kill the process group when the other end of a pipe is closed (Linux)."""
    import fcntl  # noqa: PLC0415
    import signal  # noqa: PLC0415

    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)


def _become(user: int) -> None:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def _ready_interpreter(opt: str) -> None:
    """Does what `site` would do, and sets Lambda's own order of `sys.path`."""
    import builtins  # noqa: PLC0415
    from _sitebuiltins import Quitter  # noqa: PLC0415

    for name in ("exit", "quit"):
        setattr(builtins, name, Quitter(name, "Ctrl-D (i.e. EOF)"))
    minor = sys.version_info.minor
    packages = f"{opt}/python/lib/python3.{minor}/site-packages"
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"], packages, f"{opt}/python"]
    sys.argv[:] = [_FILE]
    sys.meta_path.insert(0, LoggingSetup())
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _heed_interrupts() -> None:
    """Undoes that the shell which started this process has it ignore SIGINT and SIGQUIT."""
    import _signal  # type: ignore[import-not-found]  # noqa: PLC0415

    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    _signal.signal(_signal.SIGQUIT, _signal.SIG_DFL)


def _wait_for_function(channel: int) -> None:
    """Waits as a stem cell, and takes on the environment and the folder of the function."""
    import importlib  # noqa: F401, PLC0415  # what the handler's import needs is there by then

    waiting = _socket.socket(fileno=channel)
    waiting.send(b"waits")
    order = json.loads(waiting.recv(1 << 18) or b"null")
    waiting.close()
    if order is None:
        os._exit(0)  # the testbed is gone, or needs this cell no more
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    os.chdir(order["folder"])


def main(options: dict[str, str]) -> None:
    """Becomes the runtime, or with `run` an extension, as the module's docstring says."""
    global _log  # noqa: PLW0603  # the program's one log
    lifeline = int(options.get("lifeline", 2))
    channel = int(options.get("snapshot", options.get("stem", 2)))
    kept = max(lifeline, channel)
    os.closerange(3, kept)  # what the testbed's own parent let through
    os.closerange(kept + 1, 1024)
    _heed_interrupts()
    if "group" in options:
        os.setpgid(0, 0)
    if "lifeline" in options:
        _tie_to(lifeline)
    if user := options.get("uid"):
        _become(int(user))
    if program := options.get("run"):
        os.execv(program, [program])  # noqa: S606  # a shell would add nothing
    if "stem" in options:
        _wait_for_function(channel)
    _log = os.dup(1)
    _ready_interpreter(options["opt"])
    if "snapshot" in options:
        restored(channel)
        return
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    marshaller = Marshaller()
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception as error:  # noqa: BLE001  # whatever the module raises fails the init
        _give_up(api, "init/error", error, marshaller, 1)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        _hook_around_no_snapshot(api, marshaller)
    serve(api, handler, marshaller)


def _give_up(
    api: RuntimeApi, path: str, error: Exception, marshaller: Marshaller, code: int
) -> NoReturn:
    """Reports what keeps the function from serving, and ends; the codes are awslambdaric's."""
    description = _described(error)
    _log_error(description, marshaller)
    _flush()
    header = f"Lambda-Runtime-Function-Error-Type: {description['errorType']}"
    api.post(path, marshaller.error(description), header)
    sys.exit(code)


def _hook_around_no_snapshot(api: RuntimeApi, marshaller: Marshaller) -> None:
    """Runs the hooks of SnapStart in an ordinary start: what they make, the handler needs."""
    try:
        run_before_snapshot()
        api.restored()
    except Exception as error:  # noqa: BLE001  # whatever a hook raises fails the init
        _give_up(api, "init/error", error, marshaller, _BEFORE_FAILED)
    _after_restore(api, marshaller)


def _after_restore(api: RuntimeApi, marshaller: Marshaller) -> None:
    try:
        run_after_restore()
    except Exception as error:  # noqa: BLE001  # whatever a hook raises fails the restore
        _give_up(api, "restore/error", error, marshaller, _AFTER_FAILED)


def run_before_snapshot() -> None:
    """Runs the function's hooks before the snapshot, the last registered first."""
    hooks = sys.modules.get("snapshot_restore_py")
    registered = hooks.get_before_snapshot() if hooks else []
    while registered:
        hook, arguments, named = registered.pop()
        hook(*arguments, **named)


def run_after_restore() -> None:
    """Runs the function's hooks after a restore, in the order of their registration."""
    hooks = sys.modules.get("snapshot_restore_py")
    for hook, arguments, named in hooks.get_after_restore() if hooks else []:
        hook(*arguments, **named)


def restored(channel: int) -> None:
    """Goes through init once, as a template, and serves in each fork of what is there then."""
    import snapshot_runtime  # type: ignore[import-not-found]  # noqa: PLC0415

    template = snapshot_runtime.Template(channel, f"{os.path.dirname(_FILE)}/seccomp.bpf")  # noqa: PTH120
    marshaller = Marshaller()
    try:
        handler = load_handler(os.environ["_HANDLER"])
        run_before_snapshot()
    except Exception as error:  # noqa: BLE001  # whatever the function raises fails its init
        description = _described(error)
        _log_error(description, marshaller)
        _flush()
        template.failed(description)
        sys.exit(1)
    _flush()
    environment = template.keep(_log)
    os.environ.clear()
    os.environ.update(environment)
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.restored()
    _after_restore(api, marshaller)
    serve(api, handler, marshaller)


if __name__ == "__main__":
    main(dict(argument.split("=", 1) for argument in sys.argv[1:]))
