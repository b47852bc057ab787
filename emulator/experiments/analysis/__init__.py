"""Takes statistics of a study's records: figures with their intervals, and the study's claims.

Knows records and price tables alone; draws nothing, prints nothing and reads no file itself.
"""
