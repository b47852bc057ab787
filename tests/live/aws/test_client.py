from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from emulator.errors import EndpointError
from emulator.live.aws.client import SQS, AwsClient, Place, ServiceCallError
from emulator.live.aws.endpoints import Endpoints
from tests.live.aws.stand_ins import ACCOUNT, REGION, StandIns, stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio
HERE = Place(REGION, ACCOUNT)


@pytest.fixture(scope="module")
def others() -> Iterator[StandIns]:
    with stand_ins() as here:
        yield here


async def test_call_reaches_region_and_account(others: StandIns) -> None:
    client = AwsClient(others.endpoints)
    made = await client.call(
        SQS, "CreateQueue", {"QueueName": "q"}, Place("eu-west-1", "111111111111")
    )
    assert made["QueueUrl"].endswith("/111111111111/q")
    with pytest.raises(ServiceCallError) as refused:
        await client.call(SQS, "GetQueueUrl", {"QueueName": "q"}, HERE)
    assert "NonExistentQueue" in refused.value.code or "QueueDoesNotExist" in refused.value.code
    await client.close()


async def test_refusal_of_an_xml_service_is_read(others: StandIns) -> None:
    client = AwsClient(others.endpoints)
    with pytest.raises(ServiceCallError) as refused:
        await client.put_object("no-such-bucket", "a/b", b"{}", HERE)
    assert refused.value.code == "NoSuchBucket"
    await client.close()


async def test_service_that_nobody_serves_is_named() -> None:
    client = AwsClient(Endpoints({}, None))
    with pytest.raises(EndpointError, match=r"Nothing serves sqs here.*--aws-endpoint sqs=URL"):
        await client.call(SQS, "ListQueues", {}, HERE)
    await client.close()


async def test_server_that_is_silent_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = AwsClient(Endpoints({"sqs": url}, None))
        with pytest.raises(EndpointError, match=r"does not answer: no answer within 0\.2 s"):
            await client.call(SQS, "ListQueues", {}, HERE, limit=0.2)
        await client.close()


async def test_call_ends_when_it_is_cancelled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = AwsClient(Endpoints({"sqs": url}, None))
        calling = asyncio.ensure_future(client.call(SQS, "ListQueues", {}, HERE, limit=60))
        silent.setblocking(False)
        async with asyncio.timeout(20):
            dialled, _ = await asyncio.get_running_loop().sock_accept(silent)
        calling.cancel()
        async with asyncio.timeout(20):  # the call has 60
            with pytest.raises(asyncio.CancelledError):
                await calling
        dialled.close()
        await client.close()
