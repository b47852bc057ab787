"""Calls operations of SQS, SNS, S3, EventBridge, Kinesis and DynamoDB, with a bound for each call.

Requests are signed (a service finds region and account there) with the emulator's own credentials
or, for AWS itself, with the user's. Only what the emulator needs is here: JSON calls by their
target, SNS's form, and an object put into S3. Sources: botocore's service models of these services
(protocols, targets, API versions).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from emulator.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from emulator.live.aws.endpoints import Endpoints

CALL_LIMIT = 10.0
"""Seconds that a call may take, but for one that waits for messages."""
_OBJECT_LIMIT = 300.0
"""Seconds that a large object may take."""
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class JsonService:
    """Describes a service of the AWS JSON protocol."""

    signing_name: str
    target: str
    """What stands before the operation in X-Amz-Target."""
    version: str
    """Version of the protocol, `1.0` or `1.1`."""


SQS = JsonService("sqs", "AmazonSQS", "1.0")
EVENTS = JsonService("events", "AWSEvents", "1.1")
KINESIS = JsonService("kinesis", "Kinesis_20131202", "1.1")
DYNAMODB_STREAMS = JsonService("dynamodb", "DynamoDBStreams_20120810", "1.0")


@dataclass(frozen=True, slots=True)
class Place:
    """Holds whose resources a call is about."""

    region: str
    account: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """Holds what calls are signed with."""

    access_key: str = "testbed"
    secret_key: str = "testbed"  # noqa: S105  # stand-ins look at no secret
    token: str | None = None


class ServiceCallError(EndpointError):
    """Means that a service answered with an error; `code` is AWS's name of the error."""

    def __init__(self, service: str, code: str, message: str) -> None:
        super().__init__(f"{service} answered {code}: {message}")
        self.code = code
        self.detail = message

    @property
    def is_of_absence(self) -> bool:
        """Returns whether what was asked about is not there."""
        return any(word in self.code for word in ("NotFound", "NonExistent", "DoesNotExist"))


class AwsClient:
    """Calls services; use from one event loop, then `close`. Cancelling a call ends the call."""

    def __init__(self, endpoints: Endpoints, credentials: Credentials | None = None) -> None:
        self._endpoints = endpoints
        self._credentials = credentials or Credentials()
        self._http: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Ends the connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def call(
        self,
        service: JsonService,
        operation: str,
        members: Mapping[str, Any],
        place: Place,
        *,
        limit: float = CALL_LIMIT,
    ) -> dict[str, Any]:
        """Calls an operation and returns its members; `limit` is in seconds.

        Raises:
            ServiceCallError: the service refused.
            EndpointError: the service cannot be reached, or does not answer in time.
            CompanionError: the companion does not start.
        """
        headers = {
            "content-type": f"application/x-amz-json-{service.version}",
            "x-amz-target": f"{service.target}.{operation}",
        }
        body = json.dumps(members).encode()
        answer = await self._send(
            service.signing_name, "POST", "/", headers, body, place=place, limit=limit
        )
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    async def publish(
        self, topic: str, message: str, attributes: Mapping[str, Mapping[str, str]], place: Place
    ) -> None:
        """Publishes a message to an SNS topic.

        Raises:
            EndpointError: as for `call`.
            CompanionError: as for `call`.
        """
        form = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "TopicArn": topic,
            "Message": message,
        }
        for number, (name, attribute) in enumerate(attributes.items(), 1):
            entry = f"MessageAttributes.entry.{number}"
            form[f"{entry}.Name"] = name
            form[f"{entry}.Value.DataType"] = attribute["DataType"]
            form[f"{entry}.Value.StringValue"] = attribute["StringValue"]
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        body = urlencode(form).encode()
        await self._send("sns", "POST", "/", headers, body, place=place, limit=CALL_LIMIT)

    async def put_object(self, bucket: str, key: str, body: bytes, place: Place) -> None:
        """Puts a JSON object into a bucket.

        Raises:
            EndpointError: as for `call`.
            CompanionError: as for `call`.
        """
        path = f"/{bucket}/{quote(key)}"
        headers = {"content-type": "application/json"}
        await self._send("s3", "PUT", path, headers, body, place=place, limit=CALL_LIMIT)

    async def get_object(self, bucket: str, key: str, place: Place, *, version: str = "") -> bytes:
        """Returns an object of a bucket, its latest version unless another is named.

        Raises:
            EndpointError: as for `call`.
            CompanionError: as for `call`.
        """
        path = f"/{bucket}/{quote(key)}"
        if version:
            path += f"?versionId={quote(version)}"
        answer = await self._send("s3", "GET", path, {}, b"", place=place, limit=_OBJECT_LIMIT)
        return answer.content

    async def _send(
        self,
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        *,
        place: Place,
        limit: float,
    ) -> httpx.Response:
        from httpx import HTTPError  # noqa: PLC0415

        url = await self._endpoints.url(service) + path
        request = {"method": method, "url": url, "headers": headers, "data": body}
        signed = self._signed(service, request, place) | dict(self._endpoints.headers(service))
        try:
            async with asyncio.timeout(limit):
                answer = await self._client().request(method, url, content=body, headers=signed)
        except (HTTPError, TimeoutError) as error:
            reason = str(error) or f"no answer within {limit:g} s"
            raise EndpointError(f"{service} at {url} does not answer: {reason}") from error
        if answer.status_code >= _FIRST_ERROR:
            raise _refusal(service, answer)
        return answer

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            import httpx  # noqa: PLC0415  # takes long, and most emulators never ask

            limits = httpx.Limits(max_connections=256, max_keepalive_connections=64)
            self._http = httpx.AsyncClient(timeout=None, trust_env=False, limits=limits)  # noqa: S113
        return self._http

    def _signed(self, service: str, sent: Mapping[str, Any], place: Place) -> dict[str, str]:
        """Returns the headers of a request, with its signature."""
        # not before the first call: most emulators never make any, and the import takes long
        from botocore.auth import S3SigV4Auth, SigV4Auth  # noqa: PLC0415
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.credentials import Credentials as Keys  # noqa: PLC0415

        own = self._credentials
        keys = Keys(own.access_key, own.secret_key, own.token)
        request = AWSRequest(**sent)
        # a stand-in takes the account from here; AWS itself knows the key's
        request.headers["x-moto-account-id"] = place.account
        signer = S3SigV4Auth if service == "s3" else SigV4Auth
        signer(keys, service, place.region).add_auth(request)
        return dict(request.headers.items())


def _refusal(service: str, answer: httpx.Response) -> ServiceCallError:
    """Reads the error that a service answered, in JSON or in XML."""
    code, message = f"HTTP {answer.status_code}", answer.text[:500]
    try:
        found = answer.json()
    except ValueError:
        code = _between(answer.text, "<Code>", "</Code>") or code
        message = _between(answer.text, "<Message>", "</Message>") or message
    else:
        if isinstance(found, dict):
            code = str(found.get("__type") or code).rpartition("#")[2]
            message = str(found.get("message") or found.get("Message") or "")
    return ServiceCallError(service, code, message)


def _between(text: str, start: str, end: str) -> str:
    return text.partition(start)[2].partition(end)[0]
