"""The object store: local files, S3, GCS or Azure; keys and durability of stored results.

This package imports contracts, errors, ids and settings.
"""
