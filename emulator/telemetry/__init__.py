"""What a run leaves to look at: log lines and metrics, folded from the journal."""
