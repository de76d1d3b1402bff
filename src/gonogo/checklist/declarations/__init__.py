"""What a project declares, a file for each section of gonogo.yaml: its schema, its record, and what a schema cannot say of it."""
