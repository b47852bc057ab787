"""Wires an emulator together, serves it and takes it down: `testbed up`."""
