"""The HTTP face: the Lambda Invoke API, the gateway routes, health and metrics."""
