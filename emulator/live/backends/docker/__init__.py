"""Runs sandboxes as containers of a Docker engine."""
