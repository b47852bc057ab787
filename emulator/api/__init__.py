"""The HTTP face: Lambda's Invoke operations, HTTP routes, function URLs and the testbed's pages.

Owns what clients say and are told; what runs a function is `live`'s.
"""
