"""Holds a run against the study's claims, by rules written down before any figure is seen.

Rules compare sizes and shapes rather than milliseconds, as a vCPU here is not AWS's.
"""
