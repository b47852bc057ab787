"""Keeps CloudWatch Logs' groups, streams and events in logs.db of the state directory."""
