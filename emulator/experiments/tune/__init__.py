"""Finds the memory size that a function should have: `testbed tune`."""
