"""Serves AWS's APIs by botocore's service models: routing, validation, wire forms, errors.

An operation is one function from a `Call` to the members of its answer, put into a `Registry`;
everything between it and HTTP is here.
"""
