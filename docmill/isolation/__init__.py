"""The supervised child processes that engines run in."""
