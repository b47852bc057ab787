"""Runs a plan: starts an emulator for each cell, puts load on it and watches the host."""
