"""Runs a whole emulator without the kernel's part, and tells the CPU time of a warm invocation.

Clients, runtimes and their connections are objects of one process: what one end writes the other
gets in the loop's next turn. All between them is `testbed up` as it is, journal and logs on disk
included. CPU time without sockets, processes and wake-ups hardly depends on what the machine does
besides, so that two checkouts can be told apart on a busy one.
"""
