"""Studies before they run: reads a plan's TOML file, checks the plan and lists its cells."""
