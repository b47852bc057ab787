"""Holds the policies: who stays idle for how long, who is evicted first, who is started early.

Each is a class of its own module; a further policy of ours is one more module and a name in
`catalogue`. A policy of a user's is a class in a file of theirs (`docs/policies.md`).
"""
