"""Commands that only look. They read the records, so that they need no server."""
