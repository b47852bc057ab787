"""Draws the charts of a report: each module turns figures or rows into a matplotlib figure."""
