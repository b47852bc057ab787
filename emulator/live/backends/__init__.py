"""Whatever runs a sandbox: Docker containers or processes of this machine."""
