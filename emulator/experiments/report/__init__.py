"""Reports for people: pages, tables and charts, drawn from records and their statistics alone.

Nothing here starts an emulator, reads the clock or decides a figure.
"""
