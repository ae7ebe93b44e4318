"""Temporal servers: connections, search attributes, schedules, sandbox, replay of running batches.

Imports contracts, errors, ids, logs and settings.
"""
