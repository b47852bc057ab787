"""Serves functions behind a load balancer (ALB): its events, and how it reads their results."""
