"""Batches: creation, start, control, reconciliation, close and redrive.

The API, the command line and activities use this package. It imports records, objects, sources,
temporal and processing.
"""
