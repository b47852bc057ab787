"""CloudWatch's metrics as pure values: distributions a minute, statistics of them, and math."""
