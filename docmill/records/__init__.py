"""Tables, repositories (every query in the house) and migrations."""
