"""CloudWatch's metrics on SQLite, in logs.db beside the lines that embedded metrics come from."""
