"""The life of a batch: created, started, steered, reconciled, closed, redriven.

API, command line and activities call it. Imports records, objects, sources, temporal and
processing.
"""
