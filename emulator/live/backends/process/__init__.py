"""Sandboxes as processes of this machine, isolated as far as this machine allows."""
