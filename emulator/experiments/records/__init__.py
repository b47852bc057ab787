"""What a run leaves on disk, written and read back: journals, client rows, study.json."""
