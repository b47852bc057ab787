"""Breaks things under a running emulator, and counts what was lost: `testbed chaos`."""
