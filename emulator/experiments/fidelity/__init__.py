"""Compares the CPU of eleven memory sizes with AWS's measured curve: `testbed fidelity`."""
