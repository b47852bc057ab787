"""Decides what becomes of events that are invoked asynchronously: retries, ends, records. Pure."""
