"""Serves one client's connection to the gateway, with the manners that hostile clients ask for.

Owns when requests start and how they end; what a request asks for is the app's.
"""
