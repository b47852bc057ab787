"""Calls AWS's APIs at one address, and says what they refused in a sentence.

Every service is asked at the emulator's address, which passes on what is not Lambda's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Callable

_RETRIES = 2


class Services:
    """Holds a client of each service that was asked so far.

    Credentials are the environment's or the user's files' where there are any, as for the AWS CLI;
    else a key that names the account, which the emulator takes unless it checks keys.
    """

    def __init__(
        self,
        address: str,
        account: str,
        region: str,
        make: Callable[..., Any] | None = None,
        *,
        keys: tuple[str, str] | None = None,
    ) -> None:
        """Takes an access key and its secret in the place of what the AWS CLI would find, and what
        makes a client in the place of botocore's session, for a test.
        """
        self._keys = keys
        self._address = address
        self._account = account
        self._region = region
        self._make = make
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Returns botocore's client of a service."""
        if service not in self._clients:
            self._clients[service] = self._new(service)
        return self._clients[service]

    def _new(self, service: str) -> Any:
        import botocore.session  # noqa: PLC0415  # slow to import
        from botocore.config import Config  # noqa: PLC0415

        session = botocore.session.get_session()
        own = self._keys
        if own is None and not session.get_credentials():
            own = (self._account, "testbed")  # the emulator takes any
        keys = dict(zip(("aws_access_key_id", "aws_secret_access_key"), own or (), strict=False))
        make = self._make or session.create_client
        return make(
            service,
            region_name=self._region,
            endpoint_url=self._address,
            config=Config(retries={"max_attempts": _RETRIES}, s3={"addressing_style": "path"}),
            **keys,
        )

    def call(self, service: str, operation: str, /, **members: Any) -> dict[str, Any]:
        """Calls an operation, `create_queue`; returns what it answered.

        Raises:
            EndpointError: the service refused, or does not answer.
        """
        found = self.attempt(service, operation, (), **members)
        assert found is not None
        return found

    def attempt(
        self, service: str, operation: str, unless: tuple[str, ...], /, **members: Any
    ) -> dict[str, Any] | None:
        """Calls an operation; returns None where it was refused with one of the codes `unless`.

        Raises:
            EndpointError: the service refused with another code, or does not answer.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        from botocore.parsers import ResponseParserError  # noqa: PLC0415

        try:
            found: dict[str, Any] = getattr(self.client(service), operation)(**members)
        except ClientError as error:
            said = error.response.get("Error", {})
            if said.get("Code") in unless:
                return None
            sentence = f"{said.get('Code', 'an error')}: {said.get('Message', '')}"
            raise EndpointError(f"{service} refused {operation}: {sentence}") from error
        except ResponseParserError as error:
            raise EndpointError(
                f"Nobody serves {service} at {self._address}: the emulator there has no companion "
                "(--no-companion), or the address is no emulator's (--url)."
            ) from error
        except BotoCoreError as error:
            raise EndpointError(f"{service} {operation}: {error}") from error
        return found
