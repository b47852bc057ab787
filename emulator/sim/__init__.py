"""The same scheduler over virtual time."""
