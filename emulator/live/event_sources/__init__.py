"""Reads queues and streams, and invokes the functions that are mapped to them."""
