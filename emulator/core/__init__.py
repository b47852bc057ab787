"""Holds the rules of the emulator, which know no event loop, clock, chance, input or output."""
