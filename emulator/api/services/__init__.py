"""AWS's APIs out of botocore's service models: routing, validation, (de)serialisation, errors.

An operation is one function from a `Call` to the members of its answer, put into a `Registry`;
everything between it and HTTP is here.
"""
