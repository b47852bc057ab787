"""Asks AWS's other services, wherever they are served, as a client."""
