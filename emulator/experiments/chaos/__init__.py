"""`testbed chaos`: breaks things under a running emulator, and counts what was lost."""
