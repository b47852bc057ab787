"""API Gateway's HTTP API: the template's routes, with events in payload format 2.0."""
