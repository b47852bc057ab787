"""Stands for an OpenTelemetry backend: prints a line for each log record and span that comes."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


def attributes(entry: Any) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in entry.get("attributes", ())}


class Sink(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in told.get("resourceLogs", ()):
            service = attributes(resource["resource"])["service.name"]
            for scope in resource["scopeLogs"]:
                for record in scope["logRecords"]:
                    kind = attributes(record)["type"]
                    print("log ", service, kind, record["body"]["stringValue"], flush=True)
        for resource in told.get("resourceSpans", ()):
            service = attributes(resource["resource"])["service.name"]
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    print("span", service, span["name"], attributes(span), flush=True)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing of the requests themselves."""


HTTPServer(("127.0.0.1", int(sys.argv[1])), Sink).serve_forever()
