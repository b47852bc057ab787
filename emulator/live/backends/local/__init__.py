"""Gives sandboxes of this machine's own processes what all need: slots, output, filter, guard."""
