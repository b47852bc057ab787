"""Keeps what outlives a run of the emulator: the state directory and the folders of runs."""
