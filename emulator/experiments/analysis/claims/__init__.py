"""The study's claims, each with a rule written down before any figure is seen, held against a run.

Rules compare sizes and shapes rather than milliseconds, as a vCPU here is not AWS's.
"""
