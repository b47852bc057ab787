"""Serves CloudWatch's operations on metrics out of `live/store/metrics`."""
