"""Serves REST APIs as API Gateway does: resources, events in payload format 1.0, answers."""
