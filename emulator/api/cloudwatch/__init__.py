"""Serves CloudWatch's operations: those on logs in `logs`, those on metrics in `metrics`."""
