"""A local testbed that runs AWS Lambda functions as Lambda would, and measures them."""
