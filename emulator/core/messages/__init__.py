"""Defines what the scheduler is told (`events`) and answers (`commands`).

Knows nothing of who sends or obeys a message, nor of how a message is written down (`journal`).

Messages are made by the million in a simulation. A Struct is made in a tenth of a frozen
dataclass's time, and is the same otherwise: frozen, equal by its fields, matched by position. What
holds no other message is in no cycle, and none of the garbage collector's business (`gc=False`).
Those of a warm invocation, nearly all of a journal, are tagged by their names, so that msgspec can
read them as they were written, and are final: whether a message is one of them is asked by
`type(message) is`, since `isinstance` takes a Struct's class for one with rules of its own, and ten
times as long to say no.
"""
