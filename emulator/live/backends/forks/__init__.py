"""Runs sandboxes that are forks of a process which went through init once (SnapStart)."""
