"""Reads what other load tools write about their requests, as client rows of a run.

Each module owns the formats of one tool; reader.py finds which one a file is in. None knows what
becomes of the rows.
"""
