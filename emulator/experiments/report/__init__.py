"""Draws pages, tables and charts for people, from records and their statistics alone.

Nothing here starts an emulator, reads the clock or decides a figure.
"""
