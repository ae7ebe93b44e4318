"""Commands that show batches. They read the records, so that they need no server."""
