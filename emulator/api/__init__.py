"""Serves AWS's APIs, routes in front of functions and the testbed's own pages over HTTP.

Owns what clients say and are told; what runs a function is `live`'s.
"""
