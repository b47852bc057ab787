"""A load balancer (ALB) in front of functions: its events and how it reads their results."""
