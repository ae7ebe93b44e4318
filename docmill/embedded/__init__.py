"""The home folder, and the Temporal server and the processes that run on it.

This package imports contracts, errors, settings and the client.
"""
