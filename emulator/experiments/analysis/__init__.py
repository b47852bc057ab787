"""Statistics over a study's records: figures with their intervals, and the study's claims tested.

Knows records and price tables alone; draws nothing, prints nothing and reads no file itself.
"""
