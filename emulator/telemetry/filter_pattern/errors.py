"""Names the error of a filter pattern that cannot be read."""

from __future__ import annotations


class FilterPatternError(ValueError):
    """Reports why CloudWatch Logs would refuse a pattern; a sentence for the client."""
