"""Delivery of webhooks: messages with signatures, attempts, rounds, and notification of workflows.

This package imports contracts, errors, the client, outbound and records.
"""
