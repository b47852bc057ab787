"""Keeps events that are invoked asynchronously, on disk, and attempts them until they end."""
