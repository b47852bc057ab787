"""Runs the emulator on a real machine: asyncio, sockets, containers and processes."""
