"""Folds the journal into what a run leaves to look at: log lines, events and metrics."""
