"""Everything that can be wrong with a user's request or world.

TestbedError
├── SettingsError              a setting or a command-line option is wrong
├── TemplateError              the SAM template is wrong, or asks for what is not supported
├── BuildError                 a function's package could not be made
├── BackendUnavailableError    no sandbox can be started this way on this machine
├── SandboxStartError          this one sandbox could not be started
├── CompanionError             the server of AWS's other services could not be started
├── StateInUseError            another emulator owns the state directory
├── RunDirectoryError          a run's files are missing, damaged or at odds
└── ServiceError               answered to an API caller, with AWS's code and status
    ├── ConstraintError               400
    ├── ResourceNotFoundError         404
    ├── InvalidParameterValueError    400
    ├── InvalidRequestContentError    400
    ├── RequestTooLargeError          413
    ├── TooManyRequestsError          429
    └── ServiceUnavailableError       503
"""

from __future__ import annotations

from typing import ClassVar


class TestbedError(Exception):
    """The message is one sentence that a user can act on."""

    __test__ = False  # pytest takes a name that begins with Test for a test


class SettingsError(TestbedError):
    pass


class TemplateError(TestbedError):
    """`line` is where in the file, counted from 1; None when it is about the whole file."""

    def __init__(self, message: str, line: int | None = None, path: str = "") -> None:
        place = f"{path or 'template'}:{line}: " if line else (f"{path}: " if path else "")
        super().__init__(place + message)
        self.line = line


class BuildError(TestbedError):
    pass


class BackendUnavailableError(TestbedError):
    pass


class SandboxStartError(TestbedError):
    pass


class CompanionError(TestbedError):
    pass


class StateInUseError(TestbedError):
    pass


class RunDirectoryError(TestbedError):
    pass


class ServiceError(TestbedError):
    """`code` is what botocore calls the error; `status` is its HTTP status.

    Source: botocore's service model of Lambda.
    """

    code: ClassVar[str] = "ServiceException"
    status: ClassVar[int] = 500


class ConstraintError(ServiceError):
    """A parameter has a value that the service model does not allow."""

    code = "ValidationException"
    status = 400


class ResourceNotFoundError(ServiceError):
    code = "ResourceNotFoundException"
    status = 404


class InvalidParameterValueError(ServiceError):
    code = "InvalidParameterValueException"
    status = 400


class InvalidRequestContentError(ServiceError):
    code = "InvalidRequestContentException"
    status = 400


class RequestTooLargeError(ServiceError):
    code = "RequestTooLargeException"
    status = 413


class TooManyRequestsError(ServiceError):
    code = "TooManyRequestsException"
    status = 429

    def __init__(self, reason: str) -> None:
        super().__init__("Rate Exceeded.")
        self.reason = reason


class ServiceUnavailableError(ServiceError):
    code = "ServiceException"
    status = 503
