"""Parse jobs and their results."""
