"""Measures what the emulator itself costs: `testbed bench`."""
