"""Runs a plan: starts an emulator for each cell, puts load on it and watches the host.

Speaks to emulators over HTTP alone, and leaves records; what they show is for others to say.
"""
