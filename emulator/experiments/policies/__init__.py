"""Compares policies on a trace: `testbed compare-policies`. All figures are simulated."""
