"""Names what a live sandbox reports to whoever owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.messages.measurements import Anatomy
    from emulator.live.backends.interface import Exit
    from emulator.live.sandbox.live_sandbox import LiveSandbox
    from emulator.telemetry.platform_events import Event


class SandboxOwner(Protocol):
    """Takes a sandbox's reports; each method is called once for each thing that happens."""

    def init_began(self, sandbox: LiveSandbox) -> None:
        """Reports that the sandbox is made and its first process runs."""

    def sandbox_ready(self, sandbox: LiveSandbox, anatomy: Anatomy) -> None:
        """Reports the end of an init: the runtime and all extensions have asked for work."""

    def init_failed(self, sandbox: LiveSandbox, error_type: str) -> None:
        """Reports that the runtime or an extension gave its init up."""

    def answered(self, sandbox: LiveSandbox, request_id: str, body: bytes, error_type: str) -> None:
        """Reports the answer to the invocation that the sandbox runs."""

    def finished(self, sandbox: LiveSandbox, request_id: str, error_type: str) -> None:
        """Reports that runtime and extensions have asked for their next work after the answer."""

    def stream_began(
        self, request_id: str, content_type: str, hold: Callable[[bool], None]
    ) -> None:
        """Reports the head of a streamed answer."""

    def streamed(self, request_id: str, piece: bytes) -> None:
        """Reports a piece of a streamed answer."""

    def stream_ended(
        self, sandbox: LiveSandbox, request_id: str, error_type: str, error_body: bytes
    ) -> str:
        """Reports the end of a streamed answer, with an error where it broke off.

        Returns:
            The error type of the invocation: a whole answer may be too large for its caller.
        """
        ...

    def stayed_busy(self, sandbox: LiveSandbox) -> None:
        """Reports that the runtime is done with the invocation, and an extension is not."""

    def process_ended(self, sandbox: LiveSandbox, name: str, ended: Exit) -> None:
        """Reports the end of the runtime or of an extension; the sandbox lives on."""

    def sandbox_exited(self, sandbox: LiveSandbox, ended: Exit) -> None:
        """Reports that the sandbox ended on its own; its phase is ENDING already."""

    def subscribed(self, sandbox: LiveSandbox, event: Event) -> None:
        """Reports a subscription to telemetry, which the function's log tells of."""
