"""Keeps CloudWatch's metrics in logs.db, beside the lines that embedded metrics come from."""
