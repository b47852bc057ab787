"""Fits a network path to measurements of AWS, and holds the path against others of them."""
