"""Serves Lambda's operations Invoke and InvokeWithResponseStream."""
