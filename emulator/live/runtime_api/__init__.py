"""Serves the APIs that a sandbox dials: Lambda's Runtime, Extensions, Telemetry and Logs APIs."""
