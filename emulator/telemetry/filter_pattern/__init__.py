"""Reads CloudWatch Logs' filter patterns: words, JSON conditions and space-delimited fields.

Pure. Source: "Filter pattern syntax for metric filters, subscription filters, filter log events,
and Live Tail" of the CloudWatch Logs user guide. `reader.filter_pattern` is the way in.
"""
