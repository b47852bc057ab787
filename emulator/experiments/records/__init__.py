"""Writes and reads what a run leaves on disk: journals, client rows, study.json, tables.

Knows what each file means and what is missing of it; measures nothing and takes no statistics.
"""
