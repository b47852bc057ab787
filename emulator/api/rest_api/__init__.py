"""API Gateway's REST APIs: the template's resources, with events in payload format 1.0."""
