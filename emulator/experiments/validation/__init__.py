"""Holds predictions against measurements of real AWS Lambda that others published."""
