"""Statistics over a study's records: figures with their intervals, and claims held against them."""
