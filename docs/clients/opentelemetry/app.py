"""Sums numbers, in a span of its own that goes to the Collector in the sandbox."""

from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "orders"}))
provider.add_span_processor(
    SimpleSpanProcessor(OTLPSpanExporter("http://127.0.0.1:4318/v1/traces"))
)
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("app")


def handler(event: dict[str, list[int]], context: Any) -> int:
    with tracer.start_as_current_span("sum") as span:
        total = sum(event["prices"])
        span.set_attribute("faas.invocation_id", context.aws_request_id)
        span.set_attribute("total", total)
        print("total", total)
    return total
