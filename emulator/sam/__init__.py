"""Reads AWS SAM templates into function configurations and routes."""
