"""Makes what the catalogue holds ready to be invoked, and finds what a caller's name leads to."""
