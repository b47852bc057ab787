"""CloudFormation of the companion, whose Lambda functions are the emulator's.

Runs in the companion's process, inside of moto.
"""
