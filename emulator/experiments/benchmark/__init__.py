"""`testbed bench`: measures what the emulator itself costs."""
