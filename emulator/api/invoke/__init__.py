"""Lambda's Invoke and InvokeWithResponseStream operations."""
