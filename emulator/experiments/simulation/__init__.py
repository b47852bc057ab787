"""Runs plans on virtual time: the live emulator's scheduler, with functions whose times are drawn.

Knows the simulator, plans, records and what a fit needs of statistics; never the live emulator.
"""
