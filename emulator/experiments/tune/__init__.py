"""`testbed tune`: finds the memory size that a function should have."""
