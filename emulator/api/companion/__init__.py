"""Leads requests from the gateway to AWS services that the emulator does not serve itself."""
