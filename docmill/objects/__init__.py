"""The object store: local files, or S3, GCS and Azure by URL; names and durability of results.

Imports contracts, errors, ids and settings.
"""
