"""The machine below: its cgroups, CPUs and facts. Imports nothing else of the emulator."""
