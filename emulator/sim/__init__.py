"""Runs the same scheduler over virtual time."""
