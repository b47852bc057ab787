"""Reads code from S3, wherever that is served, and refuses in Lambda's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import EndpointError, InvalidParameterValueError
from emulator.live.aws.client import Place, ServiceCallError

if TYPE_CHECKING:
    from emulator.core.function_names import Scope
    from emulator.live.aws.client import AwsClient


class Objects:
    """Reads objects as the account that a function belongs to."""

    def __init__(self, client: AwsClient) -> None:
        self._client = client

    async def read(self, scope: Scope, bucket: str, key: str, version: str) -> bytes:
        """Returns an object; an empty version is the latest.

        Raises:
            InvalidParameterValueError: there is no such object, or nothing serves S3.
        """
        try:
            return await self._client.get_object(
                bucket, key, Place(scope.region, scope.account), version=version
            )
        except ServiceCallError as error:
            raise InvalidParameterValueError(
                f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: "
                f"{error.detail}"
            ) from error
        except EndpointError as error:
            raise InvalidParameterValueError(f"Error occurred while GetObject. {error}") from error
