"""What a sandbox dials: Lambda's Runtime, Extensions, Telemetry and Logs APIs."""
