"""Serves CloudWatch Logs' operations on the groups, streams and events of `live/store/logs`."""
