"""Reads and writes the wire forms of AWS's APIs: arguments, answers and errors."""
