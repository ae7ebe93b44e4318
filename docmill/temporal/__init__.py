"""Temporal servers: connections, search attributes, schedules, and the replay of running batches.

Imports contracts, errors, ids, logs and settings.
"""
