"""Runs under load and what is drawn from their records."""
