"""CloudWatch Logs' groups, streams and events on SQLite, in the state directory's logs.db."""
