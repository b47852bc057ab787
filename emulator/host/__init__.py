"""Reads and steers the machine below: cgroups, CPUs, memory. Imports nothing of the emulator."""
