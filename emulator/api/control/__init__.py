"""Serves Lambda's operations beside Invoke, each a function from a call to its answer's members."""
