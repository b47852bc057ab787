"""Holds the parts of the scheduler: who waits, who is idle, how a sandbox moves, who is placed."""
