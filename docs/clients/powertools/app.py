"""Handlers that use Powertools: logger, metrics, batches of a queue, idempotency on DynamoDB."""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent,
)

logger = Logger(service="orders")
metrics = Metrics(namespace="Orders", service="orders")
processor = BatchProcessor(event_type=EventType.SQS)
persistence = DynamoDBPersistenceLayer(table_name=os.environ.get("TABLE", "idempotency"))
once = IdempotencyConfig(event_key_jmespath="order")
runs = {"count": 0}


@logger.inject_lambda_context(log_event=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def order(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    logger.info("taken", extra={"order": event["order"]})
    metrics.add_metric(name="Orders", unit=MetricUnit.Count, value=1)
    return {"order": event["order"]}


@idempotent(persistence_store=persistence, config=once)
def pay(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    runs["count"] += 1
    return {"order": event["order"], "runs": runs["count"]}


def take(record: Any) -> None:
    if record.body == "bad":
        raise ValueError("bad")
    logger.info("taken", extra={"body": record.body})


def batch(event: dict[str, Any], context: Any) -> Any:
    return process_partial_response(event, take, processor, context)
