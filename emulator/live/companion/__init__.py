"""Starts and ends moto's server, which answers for the AWS services that are not ours."""
