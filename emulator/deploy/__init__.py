"""Takes a SAM project to a running emulator through AWS's APIs: `testbed deploy`.

Knows templates, and the emulator by its address alone: what is done here any client could do.
"""
