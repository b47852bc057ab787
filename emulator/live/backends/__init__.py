"""Runs sandboxes: as Docker containers or as processes of this machine."""
