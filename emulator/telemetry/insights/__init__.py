"""Logs Insights' queries, the simple ones: fields, filter, parse, stats, sort, limit, dedup.

Pure. Source: "CloudWatch Logs Insights language query syntax" of the user guide. `query.read` is
the way in; what is not emulated is refused by its name.
"""
