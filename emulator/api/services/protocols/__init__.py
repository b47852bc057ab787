"""The wire forms of AWS's APIs: requests to arguments, and answers and errors to responses."""
