"""Computes CloudWatch's metrics as pure values: distributions a minute, statistics, math."""
