"""Names everything that can be wrong with a user's request or world, and what AWS calls it.

TestbedError
├── SettingsError              a setting or a command-line option is wrong
├── TemplateError              the SAM template is wrong, or asks for what is not supported
├── BuildError                 a function's package could not be made
│   └── SnapshotError              a version's init failed, of which a snapshot was to be taken
├── BackendUnavailableError    no sandbox can be started this way on this machine
├── SandboxStartError          one sandbox could not be started
├── CompanionError             the server of AWS's other services could not be started
├── EndpointError              one of AWS's other services refused, or does not answer
├── StateInUseError            another emulator owns the state directory
├── StateVersionError          another version of the testbed wrote the state directory
├── RunDirectoryError          a run's files are missing, damaged or at odds
├── DatasetError               measurements of AWS are missing, or a line of theirs is wrong
└── ServiceError               an API caller is answered with an error of AWS's
    ├── ConstraintError               a parameter breaks a rule of the service model
    ├── ResourceNotFoundError         there is no such function, version or alias
    ├── ResourceConflictError         something exists already, or is being changed
    ├── InvalidParameterValueError    a parameter names what cannot be
    ├── InvalidRequestContentError    a body is no JSON
    ├── RequestTooLargeError          a body is above Lambda's limit
    ├── EventTooLargeError            an asynchronous event is above Lambda's limit
    ├── LoopError                     a function invoked itself too often, by way of others
    ├── TooManyRequestsError          an invocation was throttled
    ├── SnapStartError                a hook after a restore failed
    ├── SnapStartTimeoutError         a restore took too long
    ├── SnapStartNotReadyError        a version's snapshot is not taken yet
    └── ServiceUnavailableError       the emulator is stopping

The table at the end has AWS's code and HTTP status of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class TestbedError(Exception):
    """Reports what a user can mend; the message is one sentence that says what."""

    __test__ = False  # pytest takes a name that begins with Test for a test


class SettingsError(TestbedError):
    """Reports a setting or an option that is wrong."""


class TemplateError(TestbedError):
    """Reports a SAM template that is wrong, or asks for what is not supported.

    `line` is the place in the file, counted from 1; None when the whole file is at fault.
    """

    def __init__(self, message: str, line: int | None = None, path: str = "") -> None:
        place = f"{path or 'template'}:{line}: " if line else (f"{path}: " if path else "")
        super().__init__(place + message)
        self.line = line


class BuildError(TestbedError):
    """Reports a function's package that could not be made."""


class SnapshotError(BuildError):
    """Reports a snapshot that was not taken.

    `code` is the StateReasonCode of a version whose init failed (botocore's service model); empty
    where the init went well, and this machine cannot keep what came of it.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class BackendUnavailableError(TestbedError):
    """Reports that no sandbox can be started this way on this machine."""


class SandboxStartError(TestbedError):
    """Reports one sandbox that could not be started."""


class NetworkLostError(SandboxStartError):
    """Says that a sandbox's network went away before the sandbox started."""


class CompanionError(TestbedError):
    """Reports that the server of AWS's other services could not be started."""


class EndpointError(TestbedError):
    """Reports that one of AWS's other services refused, or did not answer."""


class StateInUseError(TestbedError):
    """Reports that another emulator owns the state directory."""


class StateVersionError(TestbedError):
    """Reports a state directory that another version of the testbed wrote."""


class RunDirectoryError(TestbedError):
    """Reports a run whose files are missing, damaged or at odds."""


class DatasetError(TestbedError):
    """Reports measurements of AWS that are missing or wrong."""


def reason_of(error: Exception) -> str:
    """Returns why a file cannot be read, without a number and without the file's name again."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return getattr(error, "strerror", None) or str(error)


class ServiceError(TestbedError):
    """Answers an API caller; the message is AWS's own sentence where one is known."""

    @property
    def code(self) -> str:
        """Returns the name that botocore has for the error."""
        return _AWS_ERRORS[type(self)].code

    @property
    def status(self) -> int:
        """Returns the HTTP status of the answer."""
        return _AWS_ERRORS[type(self)].status


class ConstraintError(ServiceError):
    """Answers a parameter whose value the service model does not allow."""


class ResourceNotFoundError(ServiceError):
    """Answers a name that no function, version or alias has."""


class ResourceConflictError(ServiceError):
    """Answers what is asked of something that exists already or is being changed."""


class InvalidParameterValueError(ServiceError):
    """Answers a parameter that names what cannot be."""


class InvalidRequestContentError(ServiceError):
    """Answers a body that is no JSON."""


class RequestTooLargeError(ServiceError):
    """Answers a body above Lambda's limit."""


class EventTooLargeError(ServiceError):
    """Answers an asynchronous event above Lambda's limit."""


class LoopError(ServiceError):
    """Answers a function that invoked itself too often, by way of others."""


class TooManyRequestsError(ServiceError):
    """Answers an invocation that is throttled; `reason` is AWS's word for the limit."""

    def __init__(self, reason: str) -> None:
        super().__init__("Rate Exceeded.")
        self.reason = reason


class SnapStartError(ServiceError):
    """Reports a restore that failed, in the words of botocore's SnapStartException."""

    def __init__(
        self,
        message: str = "The afterRestore() runtime hook encountered an error. "
        "For more information, check the Amazon CloudWatch logs.",
    ) -> None:
        super().__init__(message)


class SnapStartTimeoutError(ServiceError):
    """Reports a restore that took too long ("Troubleshooting SnapStart errors", guide)."""

    def __init__(
        self, message: str = "Lambda couldn't restore the snapshot within the timeout limit."
    ) -> None:
        super().__init__(message)


class SnapStartNotReadyError(ServiceError):
    """Reports a version without its snapshot yet ("Troubleshooting SnapStart errors", guide)."""

    def __init__(
        self,
        message: str = "Lambda is initializing your function. It will be ready to invoke once your "
        "function state becomes ACTIVE.",
    ) -> None:
        super().__init__(message)


class ServiceUnavailableError(ServiceError):
    """Answers what is open or comes while the emulator stops."""


class _AwsError(NamedTuple):
    code: str
    status: int


_AWS_ERRORS: Mapping[type[ServiceError], _AwsError] = {
    ServiceError: _AwsError("ServiceException", 500),
    ConstraintError: _AwsError("ValidationException", 400),
    ResourceNotFoundError: _AwsError("ResourceNotFoundException", 404),
    ResourceConflictError: _AwsError("ResourceConflictException", 409),
    InvalidParameterValueError: _AwsError("InvalidParameterValueException", 400),
    InvalidRequestContentError: _AwsError("InvalidRequestContentException", 400),
    RequestTooLargeError: _AwsError("RequestTooLargeException", 413),
    EventTooLargeError: _AwsError("SerializedRequestEntityTooLargeException", 413),
    LoopError: _AwsError("RecursiveInvocationException", 400),
    TooManyRequestsError: _AwsError("TooManyRequestsException", 429),
    SnapStartError: _AwsError("SnapStartException", 400),
    SnapStartTimeoutError: _AwsError("SnapStartTimeoutException", 408),
    SnapStartNotReadyError: _AwsError("SnapStartNotReadyException", 409),
    ServiceUnavailableError: _AwsError("ServiceException", 503),
}
"""AWS's code and status of each error. Source: botocore's service model of Lambda."""
