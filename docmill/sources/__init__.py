"""Sources of a directory's files: local folders, buckets and stored uploads.

This package imports contracts, errors and objects.
"""
