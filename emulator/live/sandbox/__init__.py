"""Leads one sandbox, as the engine holds it, from its start to its end."""
