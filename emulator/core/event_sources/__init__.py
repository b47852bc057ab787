"""Decides how records of queues and streams come to a function: batches, retries, order. Pure."""
