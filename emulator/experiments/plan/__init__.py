"""Reads a plan's TOML file, checks the plan and lists its cells, before anything runs.

Knows the core's profiles and policies, and neither how a cell is run nor what comes of it.
"""
