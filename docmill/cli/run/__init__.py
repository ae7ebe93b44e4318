"""The command run, step by step."""
