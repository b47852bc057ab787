"""Reports for people: pages, tables and charts, drawn from records alone."""
