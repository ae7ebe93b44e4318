"""Where a directory's files come from."""
