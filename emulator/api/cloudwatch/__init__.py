"""CloudWatch as its clients see it: Logs in `logs`, metrics in `metrics`."""
