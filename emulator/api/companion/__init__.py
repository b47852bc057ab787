"""The way from the gateway to AWS services that are not ours, by a companion server."""
