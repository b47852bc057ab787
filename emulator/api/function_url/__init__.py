"""Serves function URLs: requests to a function's own HTTP endpoint, and the answers."""
