"""Serves HTTP APIs as API Gateway does: routes, events in payload format 2.0 or 1.0, answers."""
