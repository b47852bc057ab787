"""Runs sandboxes as processes of this machine, isolated as far as the machine allows."""
