"""Puts functions under load, live or simulated, and draws figures from the records."""
