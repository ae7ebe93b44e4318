"""URLs from users: the fence that checks their addresses, and fetching of documents.

This package imports only `docmill.errors`.
"""
