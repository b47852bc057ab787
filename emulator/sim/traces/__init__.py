"""Reads traces of other platforms and of users: which function was asked for, when, for how long.

A module a format. Each returns a `Trace`; `formats` knows them by name.
"""
